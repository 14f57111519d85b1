import { milliseconds, type Duration } from "@outrider/contracts/clock";

const FIRST_MS = 100;
const LONGEST_MS = 5000;

/**
 * How long to wait before dialling again: doubling from 0.1 s to 5 s, of which the upper half is chance, so that agents
 * do not knock at a restarted service in step.
 * @param failures attempts that failed in a row, counting from 0
 * @param random in [0, 1)
 */
export function dialDelay(failures: number, random: number): Duration {
  const spanMs = Math.min(LONGEST_MS, FIRST_MS * 2 ** Math.min(failures, 16));
  return milliseconds(spanMs / 2 + (spanMs / 2) * random);
}
