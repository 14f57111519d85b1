import { milliseconds, type Clock } from "@outrider/contracts/clock";

const TICK = milliseconds(100);
/** Ticks further apart than this mean that the process stood still: stopped, swapped out, or a laptop asleep. */
const STALL_MS = 500;
/** After a stall, what waited in the sockets is read within this span. */
const AFTERMATH_MS = 1000;

/**
 * Knows when this process stood still. What is read right after may have waited since then, and nobody says how long:
 * it counts as old as it can be, so that a command is not begun late because its reader was stopped.
 */
export class Stalls {
  #lastTickMs: number;
  #stalledFromMs = 0;
  #suspectUntilMs = 0;
  readonly stop: () => void;

  constructor(private readonly clock: Clock) {
    this.#lastTickMs = clock.monotonicMs();
    this.stop = clock.every(TICK, () => this.#tick());
  }

  /** When a message that was read at `receivedMs` may have arrived at the earliest. */
  arrivedMs(receivedMs: number): number {
    const gapMs = receivedMs - this.#lastTickMs;
    if (gapMs > STALL_MS) return this.#lastTickMs;
    return receivedMs < this.#suspectUntilMs ? this.#stalledFromMs : receivedMs;
  }

  /** A connection was made: what comes on it was sent since. */
  connected(): void {
    this.#lastTickMs = this.clock.monotonicMs();
    this.#suspectUntilMs = 0;
  }

  #tick(): void {
    const nowMs = this.clock.monotonicMs();
    if (nowMs - this.#lastTickMs > STALL_MS) {
      this.#stalledFromMs = this.#lastTickMs;
      this.#suspectUntilMs = nowMs + AFTERMATH_MS;
    }
    this.#lastTickMs = nowMs;
  }
}
