/** Where the simulators' time comes from. Tests hand in a virtual one. */
export interface SimClock {
  /** The calendar, for people. */
  now(): Date;
  /** CLOCK_MONOTONIC of the host in milliseconds. */
  monotonicMs(): number;
  /** Calls `run` once after `delayMs`, unless the returned function is called before. */
  after(delayMs: number, run: () => void): () => void;
}

export const hostClock: SimClock = {
  now: () => new Date(),
  // hrtime is CLOCK_MONOTONIC itself; performance.now() would count from the start of this process.
  monotonicMs: () => Number(process.hrtime.bigint()) / 1e6,
  after: (delayMs, run) => {
    const timer = setTimeout(run, delayMs);
    return () => clearTimeout(timer);
  },
};

/** Time that stands still until it is advanced. */
export class VirtualClock implements SimClock {
  #nowMs = 0;
  #timers: { readonly dueMs: number; readonly run: () => void }[] = [];

  now(): Date {
    return new Date(this.#nowMs);
  }

  monotonicMs(): number {
    return this.#nowMs;
  }

  after(delayMs: number, run: () => void): () => void {
    const timer = { dueMs: this.#nowMs + delayMs, run };
    this.#timers.push(timer);
    return () => {
      this.#timers = this.#timers.filter((other) => other !== timer);
    };
  }

  /** Moves time on and runs what falls due, in order, what was started on the way included. */
  advance(spanMs: number): void {
    const untilMs = this.#nowMs + spanMs;
    for (;;) {
      const [next] = this.#timers
        .filter((t) => t.dueMs <= untilMs)
        .toSorted((a, b) => a.dueMs - b.dueMs);
      if (!next) break;
      this.#timers = this.#timers.filter((other) => other !== next);
      this.#nowMs = next.dueMs;
      next.run();
    }
    this.#nowMs = untilMs;
  }
}
