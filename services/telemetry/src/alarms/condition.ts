import type { AlarmSeverity } from "@outrider/contracts/telemetry";
import type { AlarmRule } from "@outrider/contracts/telemetry-policy";

/**
 * Whether something is so wrong for so long that an alarm is due. Pure; times are of a monotonic clock. Each severity is
 * judged by itself: it begins with a value that reaches its limit, is asserted once it has held for the rule's delay,
 * and ends with a value that is back inside the limit by more than the hysteresis.
 */
export interface Condition {
  readonly warning: Comparator;
  readonly critical: Comparator;
}

export interface Comparator {
  /** Since when it holds; undefined: it does not. */
  readonly sinceMs: number | undefined;
  /** Whether it has held for long enough. */
  readonly asserted: boolean;
}

const QUIET: Comparator = { sinceMs: undefined, asserted: false };
/** Nothing is wrong. */
export const CALM: Condition = { warning: QUIET, critical: QUIET };

type Limits = Pick<AlarmRule, "upper" | "lower" | "hysteresis" | "forMs">;

/** A value was measured. */
export function measured(before: Condition, rule: Limits, value: number, nowMs: number): Condition {
  const next = (level: "warning" | "critical"): Comparator => {
    const [upper, lower] = [rule.upper?.[level], rule.lower?.[level]];
    const beyond =
      (upper !== undefined && value >= upper) || (lower !== undefined && value <= lower);
    const back =
      (upper === undefined || value < upper - rule.hysteresis) &&
      (lower === undefined || value > lower + rule.hysteresis);
    return compared(before[level], beyond, beyond ? false : back, nowMs, rule.forMs);
  };
  return { warning: next("warning"), critical: next("critical") };
}

/** As much as that was measured, and it may be more: what is wrong is known to be, and nothing is known to be right. */
export function measuredAtLeast(
  before: Condition,
  rule: Limits,
  value: number,
  nowMs: number,
): Condition {
  const next = (level: "warning" | "critical"): Comparator => {
    const beyond = value >= (rule.upper?.[level] ?? Number.POSITIVE_INFINITY);
    const known = beyond || before[level].asserted ? before[level] : QUIET;
    return compared(known, beyond, false, nowMs, rule.forMs);
  };
  return { warning: next("warning"), critical: next("critical") };
}

/** What has no value is or is not so. */
export function held(
  before: Condition,
  severity: AlarmSeverity,
  holds: boolean,
  nowMs: number,
  forMs: number,
): Condition {
  const own = severity === "Critical" ? "critical" : "warning";
  return { ...CALM, [own]: compared(before[own], holds, !holds, nowMs, forMs) };
}

/** Time has passed, and what was so still is. */
export function waited(before: Condition, nowMs: number, forMs: number): Condition {
  const next = (one: Comparator): Comparator =>
    one.sinceMs === undefined || one.asserted
      ? one
      : { ...one, asserted: nowMs - one.sinceMs >= forMs };
  return { warning: next(before.warning), critical: next(before.critical) };
}

/** It is not known any more how it is: what is asserted stays so, what was about to be begins anew. */
export function unknown(before: Condition): Condition {
  const next = (one: Comparator): Comparator => (one.asserted ? one : QUIET);
  return { warning: next(before.warning), critical: next(before.critical) };
}

/** As an alarm that was raised before. */
export function restored(severity: AlarmSeverity, nowMs: number): Condition {
  const asserted = { sinceMs: nowMs, asserted: true };
  return { warning: asserted, critical: severity === "Critical" ? asserted : QUIET };
}

export function severityOf({ warning, critical }: Condition): AlarmSeverity | undefined {
  if (critical.asserted) return "Critical";
  return warning.asserted ? "Warning" : undefined;
}

/** Whether it will be worse by nothing but time. */
export function isPending({ warning, critical }: Condition): boolean {
  const pends = (one: Comparator): boolean => one.sinceMs !== undefined && !one.asserted;
  return pends(warning) || pends(critical);
}

function compared(
  before: Comparator,
  beyond: boolean,
  back: boolean,
  nowMs: number,
  forMs: number,
): Comparator {
  if (!beyond && (back || before.sinceMs === undefined)) return QUIET;
  const sinceMs = before.sinceMs ?? nowMs;
  return { sinceMs, asserted: before.asserted || nowMs - sinceMs >= forMs };
}
