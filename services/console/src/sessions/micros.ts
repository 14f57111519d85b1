/** The last moment that RFC 3339 can write, in milliseconds. */
const LAST_MS = Date.UTC(9999, 11, 31, 23, 59, 59, 999);

/** A time of a console's item as RFC 3339 in UTC, to the millisecond; agents may send any number. */
export function timeOfMicros(micros: number): string {
  const ms = Math.round(micros / 1000);
  return new Date(Math.min(LAST_MS, Math.max(0, Number.isNaN(ms) ? 0 : ms))).toISOString();
}
