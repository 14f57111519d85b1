import { hours, minutes, type Clock } from "@outrider/contracts/clock";

/** Series that were not written for so long do not count any more. */
const FORGOTTEN_AFTER = hours(24);
const SWEEP_EVERY = minutes(10);

/** One series: a field of a measurement with its tags. */
export interface KnownSeries {
  readonly id: number;
  active: boolean;
  seenMs: number;
}

type Fields = Map<string, KnownSeries>;

/**
 * The series of a store, so many and no more: each costs memory here and in every database, so that names that change
 * all the time would end it. A series that was not written for a day makes room for another.
 */
export class SeriesRegistry implements Disposable {
  readonly #series = new Map<string, Fields>();
  readonly #stop: () => void;
  #active = 0;
  #nextId = 1;
  #nowMs: number;

  /**
   * @param remembers whether ids stand for something that lasts, so that even forgotten series keep them
   * @param lastId the greatest id there may be
   */
  constructor(
    readonly limit: number,
    private readonly clock: Clock,
    private readonly remembers: boolean,
    private readonly lastId = Number.MAX_SAFE_INTEGER,
  ) {
    this.#nowMs = clock.monotonicMs();
    this.#stop = clock.every(SWEEP_EVERY, () => this.#sweep());
  }

  /** Series that were written in the last day. */
  get size(): number {
    return this.#active;
  }

  /** Takes over a series of an earlier process; it does not count until it is written. */
  restore(key: string, field: string, id: number): void {
    this.#fieldsOf(key).set(field, { id, active: false, seenMs: 0 });
    this.#nextId = Math.max(this.#nextId, id + 1);
  }

  /**
   * The series that is being written.
   * @param onNew is told of one that got its id just now
   * @returns undefined when there is no room for it
   */
  admit(
    key: string,
    field: string,
    onNew?: (id: number, key: string, field: string) => void,
  ): KnownSeries | undefined {
    const known = this.#series.get(key)?.get(field);
    if (known?.active) {
      known.seenMs = this.#nowMs;
      return known;
    }
    if (this.#active >= this.limit) return undefined;
    if (known) {
      known.active = true;
      known.seenMs = this.#nowMs;
      this.#active += 1;
      return known;
    }
    if (this.#nextId > this.lastId) return undefined;
    const made: KnownSeries = { id: this.#nextId, active: true, seenMs: this.#nowMs };
    this.#nextId += 1;
    this.#active += 1;
    this.#fieldsOf(key).set(field, made);
    onNew?.(made.id, key, field);
    return made;
  }

  /** Every series there is, with its key. */
  *all(): Iterable<readonly [key: string, fields: ReadonlyMap<string, KnownSeries>]> {
    yield* this.#series;
  }

  [Symbol.dispose](): void {
    this.#stop();
  }

  #fieldsOf(key: string): Fields {
    let fields = this.#series.get(key);
    if (!fields) this.#series.set(key, (fields = new Map<string, KnownSeries>()));
    return fields;
  }

  #sweep(): void {
    this.#nowMs = this.clock.monotonicMs();
    const beforeMs = this.#nowMs - FORGOTTEN_AFTER;
    for (const [key, fields] of this.#series) {
      for (const [field, known] of fields) {
        if (!known.active || known.seenMs >= beforeMs) continue;
        known.active = false;
        this.#active -= 1;
        if (!this.remembers) fields.delete(field);
      }
      if (fields.size === 0) this.#series.delete(key);
    }
  }
}
