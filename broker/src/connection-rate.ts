import type { Clock } from "@outrider/contracts/clock";

const BURST_SECONDS = 5;

/** Lets a number of connections in per second, and after a quiet time as many at once as come in five seconds. */
export class ConnectionRate {
  readonly #perSecond: number;
  readonly #clock: Pick<Clock, "monotonicMs">;
  #credit: number;
  #atMs: number;

  constructor(perSecond: number, clock: Pick<Clock, "monotonicMs">) {
    this.#perSecond = perSecond;
    this.#clock = clock;
    this.#credit = perSecond * BURST_SECONDS;
    this.#atMs = clock.monotonicMs();
  }

  take(): boolean {
    const nowMs = this.#clock.monotonicMs();
    const earned = ((nowMs - this.#atMs) / 1000) * this.#perSecond;
    this.#credit = Math.min(this.#perSecond * BURST_SECONDS, this.#credit + earned);
    this.#atMs = nowMs;
    if (this.#credit < 1) return false;
    this.#credit--;
    return true;
  }
}
