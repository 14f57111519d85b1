import type { DesiredEndpoint } from "@outrider/contracts/agent";
import type { HeartbeatReading } from "@outrider/contracts/reading-report";
import type { Quantity } from "@outrider/contracts/reading";
import type { Said } from "./checked-sample.js";

/** What of an endpoint's configuration says which samples are told. */
export type Reporting = Pick<
  DesiredEndpoint,
  "sampleEveryMs" | "staleAfterMs" | "reportEveryMs" | "deadband"
>;

/** A pause between two samples may be so much longer than it should be. */
const LATEST = 1.1;

/** Decides which samples are told: what has changed, and what was not told for long enough. Pure. */
export class ReportFilter {
  #told: { readonly said: Said; readonly atMs: number } | undefined;

  /** @param nowMs when it was taken, by the monotonic clock @param all whether every sample is told now */
  isTold(said: Said, nowMs: number, reporting: Reporting, all: boolean): boolean {
    const { deadband, reportEveryMs } = reporting;
    const isThinned = deadband !== undefined || reportEveryMs !== undefined;
    const told = this.#told;
    const isTold =
      all ||
      !isThinned ||
      told === undefined ||
      isOther(told.said, said, deadband ?? {}) ||
      isDue(nowMs - told.atMs, reporting);
    if (isTold) this.#told = { said, atMs: nowMs };
    return isTold;
  }
}

/** Whether the next sample would come too late. */
function isDue(
  sinceMs: number,
  { reportEveryMs, sampleEveryMs, staleAfterMs }: Reporting,
): boolean {
  const everyMs = Math.min(reportEveryMs ?? Number.POSITIVE_INFINITY, staleAfterMs / 3);
  return sinceMs + LATEST * sampleEveryMs > everyMs;
}

function isOther(told: Said, said: Said, deadband: NonNullable<Reporting["deadband"]>): boolean {
  return (
    (told.problem === undefined) !== (said.problem === undefined) ||
    isOtherLife(told.heartbeat, said.heartbeat) ||
    isOtherMap(told.absent, said.absent, (one, other) => one !== other) ||
    isOtherMap(
      told.values,
      said.values,
      (one, other, quantity) => Math.abs(one - other) > (deadband[quantity] ?? 0),
    )
  );
}

/** How long an answer took, and how long a system is up, is never the same. */
function isOtherLife(
  told: HeartbeatReading | undefined,
  said: HeartbeatReading | undefined,
): boolean {
  return (
    told?.alive !== said?.alive ||
    told?.absent !== said?.absent ||
    told?.bootId !== said?.bootId ||
    told?.proves !== said?.proves ||
    told?.detail !== said?.detail
  );
}

function isOtherMap<V>(
  told: Partial<Record<Quantity, V>> = {},
  said: Partial<Record<Quantity, V>> = {},
  differ: (told: V, said: V, quantity: Quantity) => boolean,
): boolean {
  const quantities = new Set([...Object.keys(told), ...Object.keys(said)]) as Set<Quantity>;
  return [...quantities].some((quantity) => {
    const one = told[quantity];
    const other = said[quantity];
    return one === undefined || other === undefined || differ(one, other, quantity);
  });
}
