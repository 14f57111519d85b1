import { milliseconds, type Duration } from "@outrider/contracts/clock";

const FIRST_MS = 250;
const LONGEST_MS = 10_000;

/**
 * How long to wait before the next attempt to connect: doubling from 0.25 s to 10 s, of which the upper half is
 * chance, so that a rack of agents does not knock at a restarted broker in step.
 * @param failures attempts that failed in a row, counting from 0
 * @param random in [0, 1)
 */
export function reconnectDelay(failures: number, random: number): Duration {
  const spanMs = Math.min(LONGEST_MS, FIRST_MS * 2 ** Math.min(failures, 16));
  return milliseconds(spanMs / 2 + (spanMs / 2) * random);
}
