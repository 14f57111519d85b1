/** An offset within this is none: clocks that are kept by NTP, and messages on their way, differ by less. */
const TOLERANCE_MS = 2000;
/** Beyond this nobody takes a message that was long on its way for a clock that is behind. */
const STEP_MS = 60_000;
/** How long a smaller offset backwards must be seen before it is believed. */
const PATIENCE_MS = 10_000;

/**
 * How far an agent's calendar is ahead of ours, in whole seconds, and held until it is clearly another one, so that a
 * reading that is sent twice has the same time twice. A message that was long on its way makes a clock look as if it
 * were behind, never ahead: what is behind is believed when it stays so. Pure.
 */
export class ClockOffset {
  #heldMs: number;
  /** Since when it looks smaller, and the largest that was seen since. */
  #behind: { readonly sinceMs: number; readonly largestMs: number } | undefined;

  constructor(heldMs = 0) {
    this.#heldMs = heldMs;
  }

  get ms(): number {
    return this.#heldMs;
  }

  /** Whether it may be smaller, which is not known yet: no time can be told by it. */
  get isDoubtful(): boolean {
    return this.#behind !== undefined;
  }

  /**
   * @param offsetMs the time that a message says it was sent at, less the time at which it arrived
   * @returns whether it is another one now
   */
  seen(offsetMs: number, nowMs: number): boolean {
    const change = offsetMs - this.#heldMs;
    if (change >= -TOLERANCE_MS) {
      this.#behind = undefined;
      return change > TOLERANCE_MS && this.#hold(offsetMs);
    }
    if (change < -STEP_MS) return this.#hold(offsetMs);
    const { sinceMs = nowMs, largestMs = offsetMs } = this.#behind ?? {};
    this.#behind = { sinceMs, largestMs: Math.max(largestMs, offsetMs) };
    return nowMs - sinceMs >= PATIENCE_MS && this.#hold(this.#behind.largestMs);
  }

  #hold(offsetMs: number): boolean {
    const before = this.#heldMs;
    this.#behind = undefined;
    this.#heldMs = Math.abs(offsetMs) <= TOLERANCE_MS ? 0 : Math.round(offsetMs / 1000) * 1000;
    return this.#heldMs !== before;
  }
}

/** What is earlier is of a clock that was never set. */
const EARLIEST_MS = Date.parse("2020-01-01T00:00:00.000Z");
/** So far in the future a reading may seem to be. */
const FUTURE_MS = 10_000;

/**
 * When a reading was taken, by our calendar, in milliseconds since 1970; undefined where that is no time at which
 * anything of this can have been read. Where the agent's calendar has jumped between the reading and its sending, its
 * age counts, in whole seconds, so that it is the same when it is sent again.
 * @param offsetMs how far the agent's calendar is ahead of ours
 */
export function takenAtMs(
  reading: { readonly at: string; readonly ageMs: number },
  sentAt: string,
  offsetMs: number,
  nowMs: number,
): number | undefined {
  const saidMs = Date.parse(reading.at);
  const jumpMs = Date.parse(sentAt) - reading.ageMs - saidMs;
  const jumpedMs = Math.abs(jumpMs) > TOLERANCE_MS ? Math.round(jumpMs / 1000) * 1000 : 0;
  const atMs = saidMs + jumpedMs - offsetMs;
  // What is no time at all, such as the 31st of February, is none of ours either.
  return atMs >= EARLIEST_MS && atMs <= nowMs + FUTURE_MS ? atMs : undefined;
}
