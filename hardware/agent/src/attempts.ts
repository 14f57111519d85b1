import type { AgentCommand } from "@outrider/contracts/agent";
import { milliseconds, minutes, seconds, type Duration } from "@outrider/contracts/clock";

/** Nobody is asked before a supply is switched on again automatically: three times, then a person must look. */
export const ATTEMPTS = 3;

/** Pauses before the second and the third attempt. */
const PAUSES: readonly Duration[] = [seconds(1), seconds(4)];

/** A supply that stayed on for this long has recovered: its attempts are no longer counted. */
export const RECOVERED_AFTER = minutes(10);

export type NextAttempt =
  | { readonly kind: "try"; readonly pause: Duration }
  /** Latch a fault. */
  | { readonly kind: "exhausted" };

/** @param made attempts since the count began, whichever process made them */
export function nextAttempt(made: number): NextAttempt {
  if (made >= ATTEMPTS) return { kind: "exhausted" };
  return { kind: "try", pause: made === 0 ? milliseconds(0) : (PAUSES[made - 1] ?? seconds(4)) };
}

/** Whether a command shows that a person has looked: a latched fault and the count of attempts are then forgotten. */
export function clearsFault({ action, via }: Pick<AgentCommand, "action" | "via">): boolean {
  return action === "On" && via !== "policy";
}
