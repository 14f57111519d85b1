import { BucketFold, pointBucket, windowOf, type Window } from "./buckets.js";
import { compare } from "./embedded/catalogue.js";
import { seriesKey } from "./line-protocol.js";
import type { RangeQuery, Series } from "./store.js";

/** One series of an answer that comes in parts. */
export interface Collected {
  /** Puts a part into its bucket. */
  addPart(atMs: number, count: number, sum: number, min: number, max: number, last: number): void;
  /** Puts a point into its bucket, or beside the others. One with the same time takes its place where points stay. */
  addPoint(atMs: number, value: number): void;
}

/** Puts the answers of a database together, whatever order and however many they come in. */
export class SeriesCollector {
  readonly window: Window;
  readonly #found = new Map<string, CollectedSeries>();

  constructor(private readonly query: RangeQuery) {
    this.window = windowOf(query);
  }

  get size(): number {
    return this.#found.size;
  }

  of(tags: Readonly<Record<string, string>>, field: string): Collected {
    const key = seriesKey(this.query.measurement, tags) ?? JSON.stringify(tags);
    const id = `${key} ${field}`;
    let found = this.#found.get(id);
    if (!found) this.#found.set(id, (found = new CollectedSeries(key, tags, field, this.window)));
    return found;
  }

  /** In the order of their names; those without a value are left out. */
  series(): Series[] {
    const { measurement } = this.query;
    return [...this.#found.values()]
      .toSorted((a, b) => compare(a.key, b.key) || compare(a.field, b.field))
      .map((one) => one.series(measurement))
      .filter(({ buckets }) => buckets.length > 0);
  }
}

class CollectedSeries implements Collected {
  readonly #fold: BucketFold | undefined;
  readonly #points = new Map<number, number>();

  constructor(
    readonly key: string,
    readonly tags: Readonly<Record<string, string>>,
    readonly field: string,
    window: Window,
  ) {
    this.#fold = window.everyMs === 0 ? undefined : new BucketFold(window);
  }

  addPart(atMs: number, count: number, sum: number, min: number, max: number, last: number): void {
    this.#fold?.add(atMs, count, sum, min, max, last);
  }

  addPoint(atMs: number, value: number): void {
    this.#points.set(atMs, value);
  }

  series(measurement: string): Series {
    const { tags, field } = this;
    const points = [...this.#points].toSorted(([a], [b]) => a - b);
    for (const [atMs, value] of points) this.addPart(atMs, 1, value, value, value, value);
    const buckets = this.#fold
      ? this.#fold.buckets()
      : points.map(([atMs, value]) => pointBucket(atMs, value));
    return { measurement, tags, field, buckets };
  }
}
