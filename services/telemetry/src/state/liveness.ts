import type { NodeStatus } from "@outrider/contracts/node";
import { PROOFS, type Proof } from "@outrider/contracts/reading";

/** What one heartbeat knows of its host; times are of a monotonic clock. */
export interface Look {
  readonly proves: Proof;
  /** What it saw last; undefined: it could not look. */
  readonly alive: boolean | undefined;
  readonly takenMs: number;
  /** When it saw a living host last. */
  readonly aliveMs: number | undefined;
  readonly staleAfterMs: number;
}

/** From here on an answer comes from a running kernel; what is weaker a halted machine may show, too. */
const STRONG = PROOFS.indexOf("network");

/**
 * Whether a node lives, from all its heartbeats at once. It does as soon as one has heard it within its span. One that
 * proves less never outvotes one that proves more: neither by its silence, nor does a carrier or a wire that is driven
 * make a node alive that does not answer. Silent is what was looked for and not found; where nobody can look it is
 * not known. Pure.
 */
export function livenessOf(looks: Iterable<Look>, nowMs: number): NodeStatus["liveness"] {
  let [weak, strongSays, anySays] = [false, false, false];
  for (const look of looks) {
    const isStrong = PROOFS.indexOf(look.proves) >= STRONG;
    if (isHeard(look, nowMs)) {
      if (isStrong) return "Alive";
      weak = true;
    }
    if (!canLook(look, nowMs)) continue;
    anySays = true;
    if (isStrong) strongSays = true;
  }
  if (weak && !strongSays) return "Alive";
  return anySays ? "Silent" : "Unknown";
}

/** Whether it has seen a living host within its span. */
export function isHeard({ aliveMs, staleAfterMs }: Look, nowMs: number): boolean {
  return aliveMs !== undefined && nowMs - aliveMs <= staleAfterMs;
}

/** Whether it has lately been able to look at all. */
export function canLook({ alive, takenMs, staleAfterMs }: Look, nowMs: number): boolean {
  return alive !== undefined && nowMs - takenMs <= staleAfterMs;
}
