import { milliseconds, type Clock, type Duration } from "@outrider/contracts/clock";

interface Timer {
  readonly atMs: number;
  readonly order: number;
  readonly run: () => void;
}

/** A clock that stands still until it is told to go on. */
export class VirtualClock implements Clock {
  readonly #timers = new Set<Timer>();
  #monotonicMs = 1_000_000;
  #calendarMs: number;
  #order = 0;

  constructor(start = new Date("2026-01-01T00:00:00.000Z")) {
    this.#calendarMs = start.getTime();
  }

  now(): Date {
    return new Date(this.#calendarMs);
  }

  monotonicMs(): number {
    return this.#monotonicMs;
  }

  sleep(span: Duration, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      if (signal?.aborted) return reject(signal.reason);
      const abort = (): void => {
        cancel();
        reject(signal?.reason);
      };
      const cancel = this.#at(this.#monotonicMs + span, () => {
        signal?.removeEventListener("abort", abort);
        resolve();
      });
      signal?.addEventListener("abort", abort, { once: true });
    });
  }

  every(span: Duration, run: () => void): () => void {
    if (!(span > 0)) throw new RangeError("an interval must be longer than nothing");
    let cancel: () => void;
    const arm = (): void => {
      cancel = this.#at(this.#monotonicMs + span, () => {
        arm();
        run();
      });
    };
    arm();
    return () => cancel();
  }

  /** How many sleeps and intervals are waiting. */
  get waiting(): number {
    return this.#timers.size;
  }

  /**
   * Lets time pass. Timers run in the order of their times, each at its own time, and what they set off without real
   * input and output is finished before the next one.
   */
  async advance(span: Duration | number): Promise<void> {
    const endMs = this.#monotonicMs + span;
    await settle();
    for (;;) {
      const next = this.#nextUntil(endMs);
      if (!next) break;
      this.#timers.delete(next);
      this.#moveTo(next.atMs);
      next.run();
      await settle();
    }
    this.#moveTo(endMs);
    await settle();
  }

  /** Sets the calendar and leaves the monotonic clock alone. */
  stepCalendar(byMs: number): void {
    this.#calendarMs += byMs;
  }

  #at(atMs: number, run: () => void): () => void {
    const timer: Timer = { atMs, order: this.#order++, run };
    this.#timers.add(timer);
    return () => this.#timers.delete(timer);
  }

  #nextUntil(endMs: number): Timer | undefined {
    let next: Timer | undefined;
    for (const timer of this.#timers) {
      if (timer.atMs > endMs) continue;
      if (
        !next ||
        timer.atMs < next.atMs ||
        (timer.atMs === next.atMs && timer.order < next.order)
      ) {
        next = timer;
      }
    }
    return next;
  }

  #moveTo(atMs: number): void {
    if (atMs <= this.#monotonicMs) return;
    this.#calendarMs += atMs - this.#monotonicMs;
    this.#monotonicMs = atMs;
  }
}

/** Lets promises and immediates run that are due. */
async function settle(): Promise<void> {
  for (let turn = 0; turn < 3; turn++) await new Promise((resolve) => setImmediate(resolve));
}

/** A span that no test waits for. */
export const FOREVER: Duration = milliseconds(Number.MAX_SAFE_INTEGER / 4);
