export interface WindowLimits {
  /** How many batches may be sent and not acknowledged, at first and at most. */
  readonly first: number;
  readonly most: number;
  /** So long without progress everything that is not acknowledged is sent again; then after twice that, up to `longestMs`. */
  readonly patienceMs: number;
  readonly longestMs: number;
}

export const WINDOW: WindowLimits = { first: 4, most: 128, patienceMs: 2000, longestMs: 10_000 };

/**
 * Which batch is sent next to somebody who acknowledges the highest number up to which they have all. It opens with
 * every acknowledgement; where none comes it closes to a single batch, so that nobody who is not there costs anything.
 * Pure.
 */
export class SendWindow {
  #acknowledged = 0;
  /** Numbers that were sent and are not acknowledged, ascending. */
  #flight: number[] = [];
  #size: number;
  #patienceMs: number;
  /** Since when there was no progress. */
  #sinceMs = 0;

  constructor(private readonly limits: WindowLimits = WINDOW) {
    this.#size = limits.first;
    this.#patienceMs = limits.patienceMs;
  }

  /** A new connection: all that is not acknowledged is sent again. */
  begin(acknowledged: number): void {
    this.#acknowledged = acknowledged;
    this.#flight = [];
    this.#size = this.limits.first;
    this.#patienceMs = this.limits.patienceMs;
  }

  /** The number before the one that is sent next. */
  get last(): number {
    return this.#flight.at(-1) ?? this.#acknowledged;
  }

  get acknowledged(): number {
    return this.#acknowledged;
  }

  /** The lowest number that is under way. */
  get oldest(): number | undefined {
    return this.#flight[0];
  }

  /**
   * Whether there is room for the next batch. Numbers that were never used, or are dropped, are passed over only when
   * all before them is acknowledged: the lowest number that is kept says then that they never come.
   */
  maySend(seq: number): boolean {
    if (this.#flight.length === 0) return true;
    return this.#flight.length < this.#size && seq === this.last + 1;
  }

  sent(seq: number, nowMs: number): void {
    if (seq <= this.#acknowledged) return;
    if (this.#flight.length === 0) this.#sinceMs = nowMs;
    this.#flight.push(seq);
  }

  /** Everything up to a number is stored. What was known already is a sign that somebody is there. */
  heard(acknowledged: number, nowMs: number): void {
    this.#patienceMs = this.limits.patienceMs;
    if (acknowledged <= this.#acknowledged) return;
    this.#acknowledged = acknowledged;
    this.#flight = this.#flight.filter((seq) => seq > acknowledged);
    this.#size = Math.min(this.limits.most, this.#size * 2);
    this.#sinceMs = nowMs;
  }

  /** Goes back when there was no progress for too long. @returns whether it did */
  expire(nowMs: number): boolean {
    if (this.waitsMs(nowMs) !== 0) return false;
    this.#flight = [];
    this.#size = 1;
    this.#patienceMs = Math.min(2 * this.#patienceMs, this.limits.longestMs);
    return true;
  }

  /** How long it is waited for progress yet; undefined: nothing is under way. */
  waitsMs(nowMs: number): number | undefined {
    if (this.#flight.length === 0) return undefined;
    return Math.max(0, this.#sinceMs + this.#patienceMs - nowMs);
  }
}
