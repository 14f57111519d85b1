import type { ConsoleState } from "@outrider/contracts/console";
import type { NodeDescription, NodeStatus } from "@outrider/contracts/node";
import type { NodeLock } from "@outrider/contracts/lock";
import type { PowerResult, PowerState } from "@outrider/contracts/power";
import type { AlarmState } from "@outrider/contracts/telemetry";

/** A document as it was last heard, and when, by the gateway's monotonic clock. */
export interface Heard<T> {
  readonly value: T;
  readonly atMs: number;
}

/** What the gateway has heard of one node. */
export interface NodeRecord {
  readonly id: string;
  readonly description?: Heard<NodeDescription>;
  readonly state?: Heard<PowerState>;
  readonly status?: Heard<NodeStatus>;
  readonly lock?: Heard<NodeLock>;
  readonly console?: Heard<ConsoleState>;
  /** Those that stand, by id; missing where there are none. */
  readonly alarms?: Heard<ReadonlyMap<string, AlarmState>>;
  /** The last that was said of a command, while this process listens: it is not retained on the bus. */
  readonly result?: Heard<PowerResult>;
  /** Rises with every change of any of them. */
  readonly revision: number;
}

interface Aged {
  readonly observedAt: string;
  readonly staleAfterMs: number;
}

/** How old something observed is. */
export interface Age {
  readonly ageMs: number;
  readonly stale: boolean;
}

/**
 * The age of an observation, by the two clocks that could tell it: since it was made by the calendar, and since it was
 * heard by ours. Whichever is more counts, so that neither a retained leftover nor a wrong calendar looks fresh.
 */
export function ageOf(
  { observedAt, staleAfterMs }: Aged,
  heardMs: number,
  now: { readonly calendarMs: number; readonly monotonicMs: number },
): Age {
  const byCalendar = now.calendarMs - Date.parse(observedAt);
  const byHearing = now.monotonicMs - heardMs;
  const ageMs = Math.max(0, Math.round(Math.max(byCalendar, byHearing)));
  return { ageMs, stale: ageMs > staleAfterMs };
}
