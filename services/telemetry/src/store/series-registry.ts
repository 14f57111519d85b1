import { hours, minutes, type Clock } from "@outrider/contracts/clock";

/** Series that were not written for so long hold no place any more. */
const FORGOTTEN_AFTER = hours(24);
const SWEEP_EVERY = minutes(10);
/** The share of what may be known at which something is forgotten, and the share down to which. */
const CROWDED = 0.9;
const ROOMY = 0.8;

/** One series: a field of a measurement with its tags. */
export interface KnownSeries {
  readonly id: number;
  /** Whether it holds one of the places there are. */
  held: boolean;
  /** When it was written first and last, by the monotonic clock; before this process it is negative. */
  readonly bornMs: number;
  seenMs: number;
}

type Fields = Map<string, KnownSeries>;

/** Where ids stand for something on a disk, so that series that hold no place keep theirs. */
export interface Lasting {
  /** The greatest id there may be. */
  readonly lastId: number;
  /** How many may be known, with or without a place. */
  readonly most: number;
  /** So long after it was written last, nothing is left of a series. */
  readonly keptMs: number;
}

/** A series that is forgotten: its id is free when it is given back by {@link SeriesRegistry.release}. */
export interface ForgottenSeries {
  readonly id: number;
  readonly key: string;
  readonly field: string;
}

/**
 * The series of a store, so many and no more: each costs memory here and in every database, so that names that change
 * all the time would end it. Whoever holds a place keeps it until it was not written for a day, whatever new ones come,
 * also when the process is started again.
 */
export class SeriesRegistry implements Disposable {
  readonly #series = new Map<string, Fields>();
  readonly #stop: () => void;
  readonly #free: number[] = [];
  #held = 0;
  #known = 0;
  #nextId = 1;
  #nowMs: number;

  /** @param lasting undefined: a series without a place is forgotten */
  constructor(
    readonly limit: number,
    private readonly clock: Clock,
    private readonly lasting?: Lasting,
  ) {
    this.#nowMs = clock.monotonicMs();
    this.#stop = clock.every(SWEEP_EVERY, () => this.#sweep());
  }

  /** Series that hold a place: those that were written in the last day. */
  get size(): number {
    return this.#held;
  }

  /** Takes over a series of an earlier process, which holds its place as long as it would have there. */
  restore(
    { id, key, field }: ForgottenSeries,
    { bornAgeMs, seenAgeMs }: { readonly bornAgeMs: number; readonly seenAgeMs: number },
  ): void {
    const held = seenAgeMs < FORGOTTEN_AFTER;
    const [bornMs, seenMs] = [this.#nowMs - bornAgeMs, this.#nowMs - seenAgeMs];
    this.#fieldsOf(key).set(field, { id, held, bornMs, seenMs });
    this.#known += 1;
    if (held) this.#held += 1;
    for (; this.#nextId < id; this.#nextId++) this.#free.push(this.#nextId);
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
    if (known?.held) {
      known.seenMs = this.#nowMs;
      return known;
    }
    if (this.#held >= this.limit) return undefined;
    if (known) {
      known.held = true;
      known.seenMs = this.#nowMs;
      this.#held += 1;
      return known;
    }
    const id = this.#mint();
    if (id === undefined) return undefined;
    const made: KnownSeries = { id, held: true, bornMs: this.#nowMs, seenMs: this.#nowMs };
    this.#held += 1;
    this.#known += 1;
    this.#fieldsOf(key).set(field, made);
    onNew?.(id, key, field);
    return made;
  }

  /** Every series there is, with its key. */
  *all(): Iterable<readonly [key: string, fields: ReadonlyMap<string, KnownSeries>]> {
    yield* this.#series;
  }

  /**
   * Forgets series without a place: those of which nothing is left, and where too many are known, others. Those that were
   * written within a single day go first, so that names that change all the time make room for themselves, then those
   * that were not written for longest.
   */
  forget(): ForgottenSeries[] {
    if (!this.lasting) return [];
    const { keptMs, most } = this.lasting;
    const goneMs = this.clock.monotonicMs() - keptMs;
    const surplus = this.#known > most * CROWDED ? this.#known - Math.floor(most * ROOMY) : 0;
    const found: { readonly series: ForgottenSeries; readonly seenMs: number; brief: boolean }[] =
      [];
    for (const [key, fields] of this.#series) {
      for (const [field, { id, held, bornMs, seenMs }] of fields) {
        if (held || (surplus === 0 && seenMs >= goneMs)) continue;
        const brief = seenMs - bornMs < FORGOTTEN_AFTER;
        found.push({ series: { id, key, field }, seenMs, brief });
      }
    }
    found.sort((a, b) => Number(b.brief) - Number(a.brief) || a.seenMs - b.seenMs);
    const forgotten = found
      .filter(({ seenMs }, at) => at < surplus || seenMs < goneMs)
      .map(({ series }) => series);
    for (const { key, field } of forgotten) this.#delete(key, field);
    return forgotten;
  }

  /** Nothing on the disk is of these ids any more. */
  release(ids: readonly number[]): void {
    for (const id of ids) this.#free.push(id);
  }

  [Symbol.dispose](): void {
    this.#stop();
  }

  #mint(): number | undefined {
    if (this.lasting && this.#known >= this.lasting.most) return undefined;
    const freed = this.#free.pop();
    if (freed !== undefined) return freed;
    if (this.#nextId > (this.lasting?.lastId ?? Number.MAX_SAFE_INTEGER)) return undefined;
    return this.#nextId++;
  }

  #fieldsOf(key: string): Fields {
    let fields = this.#series.get(key);
    if (!fields) this.#series.set(key, (fields = new Map<string, KnownSeries>()));
    return fields;
  }

  #delete(key: string, field: string): void {
    const fields = this.#series.get(key);
    if (!fields?.delete(field)) return;
    this.#known -= 1;
    if (fields.size === 0) this.#series.delete(key);
  }

  #sweep(): void {
    this.#nowMs = this.clock.monotonicMs();
    const beforeMs = this.#nowMs - FORGOTTEN_AFTER;
    for (const [key, fields] of this.#series) {
      for (const [field, known] of fields) {
        if (!known.held || known.seenMs >= beforeMs) continue;
        known.held = false;
        this.#held -= 1;
        if (!this.lasting) this.#delete(key, field);
      }
    }
  }
}
