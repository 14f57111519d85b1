import type { Clock, Duration } from "../time.js";

interface Sleeper {
  readonly dueMs: number;
  readonly wake: () => void;
}

/** Time that stands still until a test advances it. */
export class ManualClock implements Clock {
  #nowMs = 0;
  #sleepers: Sleeper[] = [];

  now(): Date {
    return new Date(this.#nowMs);
  }

  monotonicMs(): number {
    return this.#nowMs;
  }

  /** How many sleeps are under way. */
  get sleeping(): number {
    return this.#sleepers.length;
  }

  /** How much longer each sleep lasts, the shortest first. */
  get pendingMs(): number[] {
    return this.#sleepers.map(({ dueMs }) => dueMs - this.#nowMs).toSorted((a, b) => a - b);
  }

  sleep(span: Duration, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      if (signal?.aborted) return reject(signal.reason as Error);
      const sleeper = { dueMs: this.#nowMs + span, wake: resolve };
      this.#sleepers.push(sleeper);
      signal?.addEventListener(
        "abort",
        () => {
          this.#sleepers = this.#sleepers.filter((other) => other !== sleeper);
          reject(signal.reason as Error);
        },
        { once: true },
      );
    });
  }

  every(span: Duration, run: () => void): () => void {
    const stopped = new AbortController();
    const repeat = async (): Promise<void> => {
      for (;;) {
        await this.sleep(span, stopped.signal);
        run();
      }
    };
    repeat().catch((error: unknown) => {
      if (!stopped.signal.aborted) throw error;
    });
    return () => stopped.abort();
  }

  /** Moves time on and wakes, in order, whoever is due. What they do next happens after this returns. */
  advance(spanMs: number): void {
    this.#nowMs += spanMs;
    const due = this.#sleepers.filter((it) => it.dueMs <= this.#nowMs);
    this.#sleepers = this.#sleepers.filter((it) => it.dueMs > this.#nowMs);
    for (const { wake } of due.toSorted((a, b) => a.dueMs - b.dueMs)) wake();
  }
}
