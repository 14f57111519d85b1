import type { Clock } from "@outrider/contracts/clock";

/**
 * Microseconds since 1970, UTC, from the monotonic clock, anchored to the calendar once: within one process it never
 * goes back, and a step of the calendar does not move it.
 */
export function microClock(clock: Pick<Clock, "now" | "monotonicMs">): () => number {
  const anchorMicros = clock.now().getTime() * 1000;
  const startMs = clock.monotonicMs();
  return () => anchorMicros + Math.round((clock.monotonicMs() - startMs) * 1000);
}
