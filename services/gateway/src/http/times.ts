import { parseDuration, type Clock } from "@outrider/contracts/clock";
import { HttpProblem } from "./problem.js";

/** RFC 3339 in UTC, to the microsecond, or a span of time before now: `10m`, `2d`. */
export const TIME_PATTERN =
  /^(\d{1,9}(\.\d{1,3})?(ms|s|m|h|d)|\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?Z)$/;

/** What a query says of time, as RFC 3339. @throws HttpProblem 422 for a day that there is not */
export function timeOf(text: string | undefined, clock: Clock): string | undefined {
  if (text === undefined) return undefined;
  const span = parseDuration(text);
  // What is longer ago than the calendar of computers goes back is all that there is.
  if (span !== undefined) return new Date(Math.max(0, clock.now().getTime() - span)).toISOString();
  if (Number.isNaN(Date.parse(text))) throw new HttpProblem("invalid", `${text} is no date`);
  return text;
}

/** The same to the millisecond, the form of all our messages. @throws HttpProblem 422 */
export function timestampOf(text: string, clock: Clock): string {
  return new Date(timeOf(text, clock) ?? text).toISOString();
}
