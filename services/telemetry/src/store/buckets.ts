import { StoreError, type Bucket, type RangeQuery } from "./store.js";

/** What is known of the values within one span, in a form that two of them can be put together. */
export interface Part {
  readonly atMs: number;
  readonly count: number;
  readonly sum: number;
  readonly min: number;
  readonly max: number;
  readonly last: number;
}

/** The span of a query in whole buckets. */
export interface Window {
  readonly fromMs: number;
  /** Exclusive. */
  readonly toMs: number;
  readonly everyMs: number;
  /** Buckets of one series, at most. */
  readonly length: number;
}

export function windowOf({ fromMs, toMs, everyMs }: RangeQuery): Window {
  if (!(everyMs > 0)) return { fromMs, toMs: Math.max(fromMs, toMs), everyMs: 0, length: 0 };
  const first = Math.floor(fromMs / everyMs);
  const end = Math.max(first, Math.ceil(toMs / everyMs));
  return { fromMs: first * everyMs, toMs: end * everyMs, everyMs, length: end - first };
}

/** Collects values of one series into the buckets of a window, in any order of time. */
export class BucketFold {
  readonly #count: Float64Array;
  readonly #sum: Float64Array;
  readonly #min: Float64Array;
  readonly #max: Float64Array;
  readonly #last: Float64Array;
  readonly #lastAt: Float64Array;

  constructor(readonly window: Window) {
    const { length } = window;
    this.#count = new Float64Array(length);
    this.#sum = new Float64Array(length);
    this.#min = new Float64Array(length);
    this.#max = new Float64Array(length);
    this.#last = new Float64Array(length);
    this.#lastAt = new Float64Array(length);
  }

  /** @param part lies within one bucket, or outside of the window */
  add(atMs: number, count: number, sum: number, min: number, max: number, last: number): void {
    const { fromMs, everyMs } = this.window;
    const at = Math.floor((atMs - fromMs) / everyMs);
    const before = this.#count[at];
    if (before === undefined || count === 0) return;
    this.#count[at] = before + count;
    this.#sum[at] = (this.#sum[at] ?? 0) + sum;
    if (before === 0 || min < (this.#min[at] ?? 0)) this.#min[at] = min;
    if (before === 0 || max > (this.#max[at] ?? 0)) this.#max[at] = max;
    if (before === 0 || atMs >= (this.#lastAt[at] ?? 0)) {
      this.#last[at] = last;
      this.#lastAt[at] = atMs;
    }
  }

  buckets(): Bucket[] {
    const buckets: Bucket[] = [];
    for (let at = 0; at < this.window.length; at++) {
      const count = this.#count[at] ?? 0;
      if (count === 0) continue;
      buckets.push({
        atMs: this.window.fromMs + at * this.window.everyMs,
        mean: (this.#sum[at] ?? 0) / count,
        min: this.#min[at] ?? 0,
        max: this.#max[at] ?? 0,
        last: this.#last[at] ?? 0,
        count,
      });
    }
    return buckets;
  }
}

/** A point by itself. */
export function pointBucket(atMs: number, value: number): Bucket {
  return { atMs, mean: value, min: value, max: value, last: value, count: 1 };
}

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
/** Spans that people read well. */
const NICE_MS = [
  ...[1, 2, 5, 10, 15, 30].map((minutes) => minutes * MINUTE_MS),
  ...[1, 2, 3, 6, 12, 24, 168].map((hours) => hours * HOUR_MS),
];

/** @throws StoreError `too-much` when that many series of the window are more than a query may give */
export function checkAmount(query: RangeQuery, series: number, limit: number): void {
  const { length } = windowOf(query);
  if (length * series > limit) throw tooMuch(query, series, limit);
}

/** Says which buckets would do. */
export function tooMuch(query: RangeQuery, series: number, limit: number): StoreError {
  const spanMs = query.toMs - query.fromMs;
  const everyMs = NICE_MS.find(
    (one) => one > query.everyMs && (Math.ceil(spanMs / one) + 1) * series <= limit,
  );
  const advice =
    everyMs === undefined
      ? "Ask for fewer series or a shorter span."
      : `Ask for buckets of ${everyMs / 1000} s, for fewer series or a shorter span.`;
  const message = `The answer would have more than ${limit} values. ${advice}`;
  return new StoreError("too-much", message, everyMs === undefined ? {} : { everyMs });
}
