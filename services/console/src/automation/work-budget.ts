/**
 * How much may be looked at: so many units a second, and a store of them for a burst. What a flood of one console costs
 * is bounded by it, so that it slows no other.
 */
export class WorkBudget {
  #left: number;
  #filledMs: number;

  constructor(
    private readonly unitsPerSecond: number,
    private readonly burst: number,
    nowMs: number,
  ) {
    this.#left = burst;
    this.#filledMs = nowMs;
  }

  /** Takes units out of what is left. @returns false when there are not enough: then none are taken */
  spend(units: number, nowMs: number): boolean {
    if (this.#left < units) this.#fill(nowMs);
    if (this.#left < units) return false;
    this.#left -= units;
    return true;
  }

  #fill(nowMs: number): void {
    const passedMs = Math.max(0, nowMs - this.#filledMs);
    this.#filledMs = nowMs;
    this.#left = Math.min(this.burst, this.#left + (passedMs * this.unitsPerSecond) / 1000);
  }
}
