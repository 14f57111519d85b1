import { parseDuration } from "@outrider/contracts/clock";
import { REPLAY_PATTERN } from "@outrider/contracts/console-attach";
import type { LogStart } from "../log/log-format.js";

/** What somebody wants to see of the past. */
export type ReplayWish =
  | { readonly kind: "none" }
  | { readonly kind: "screen" }
  /** From here until now; `previous` until the present boot began. */
  | { readonly kind: "log"; readonly from: LogStart; readonly previous?: boolean };

/** Reads what fits REPLAY_PATTERN; undefined when it does not. Pure. */
export function readReplay(text: string, nowMicros: number): ReplayWish | undefined {
  if (!REPLAY_PATTERN.test(text)) return undefined;
  if (text === "none" || text === "screen") return { kind: text };
  if (text === "boot") return { kind: "log", from: { boot: 0 } };
  if (text === "previous-boot") return { kind: "log", from: { boot: -1 }, previous: true };
  const [what, value] = split(text);
  if (what === "lines") return { kind: "log", from: { lastLines: Number(value) } };
  const sinceMicros = sinceOf(value, nowMicros);
  return sinceMicros === undefined ? undefined : { kind: "log", from: { sinceMicros } };
}

/** A time, or how long ago: `10m`, `2026-11-23T08:00:00Z`. Undefined when it is neither. */
export function sinceOf(text: string, nowMicros: number): number | undefined {
  const span = parseDuration(text);
  if (span !== undefined) return nowMicros - span * 1000;
  const at = Date.parse(text);
  return Number.isNaN(at) ? undefined : at * 1000;
}

function split(text: string): [string, string] {
  const colon = text.indexOf(":");
  return [text.slice(0, colon), text.slice(colon + 1)];
}
