import type { DatabaseSync, StatementSync } from "node:sqlite";
import { BucketFold, windowOf, type Window } from "../buckets.js";
import type { Bucket } from "../store.js";
import { mergeRaw, readRaw, readRolled, readTimed, without, type RawBlock } from "./blocks.js";
import { IntakeCopy, type IntakePoints } from "./intake-copy.js";
import type { PackedBuckets, RangeRequest } from "./protocol.js";
import { edgesOf, HOURS, MINUTES, RAW, SERIES_IDS, type Tier } from "./tables.js";

export class Cancelled extends Error {}
export class TooMuch extends Error {}

/** Blocks from the first to before the second. */
type Span = readonly [first: number, end: number];

type Sink = (
  atMs: number,
  count: number,
  sum: number,
  min: number,
  max: number,
  last: number,
) => void;

/** Answers queries from the blocks of one tier and from what is not in blocks yet. */
export class RangeReader {
  readonly #intake: IntakeCopy;
  readonly #get: Readonly<Record<Tier["table"], StatementSync>>;
  readonly #edges: Readonly<Record<Tier["table"], StatementSync>>;

  constructor(db: DatabaseSync) {
    this.#intake = new IntakeCopy(db);
    const each = (sql: (table: string) => string): Record<Tier["table"], StatementSync> => ({
      raw_block: db.prepare(sql("raw_block")),
      minute_block: db.prepare(sql("minute_block")),
      hour_block: db.prepare(sql("hour_block")),
    });
    this.#get = each((table) => `SELECT data FROM ${table} WHERE key = ?`);
    this.#edges = each((table) => edgesOf("key", table));
  }

  /** Within a read transaction. @throws Cancelled · TooMuch */
  read(request: RangeRequest): PackedBuckets[] {
    const window = windowOf({ ...request, measurement: "" });
    const cancelled = new Int32Array(request.cancelled);
    const tier = tierOf(request.everyMs);
    this.#intake.refresh();
    const fresh = this.#intake.find(
      request.ids,
      // Whole hours, because an hour with something new is looked at as a whole.
      Math.floor(window.fromMs / RAW.blockMs) * RAW.blockMs,
      Math.ceil(window.toMs / RAW.blockMs) * RAW.blockMs,
    );
    const blocks = this.#blocks(tier, window);
    let left = request.limit;
    return Array.from(request.ids, (id, index) => {
      if (Atomics.load(cancelled, 0) !== 0) throw new Cancelled();
      const buckets = this.#series(id, fresh[index], window, tier, blocks);
      left -= buckets.length;
      if (left < 0) throw new TooMuch();
      return pack(buckets);
    });
  }

  #series(
    id: number,
    fresh: IntakePoints | undefined,
    window: Window,
    tier: Tier,
    [first, end]: Span,
  ): Bucket[] {
    if (window.everyMs === 0) return this.#points(id, fresh, window, [first, end]);
    const fold = new BucketFold(window);
    const sink: Sink = (atMs, count, sum, min, max, last) =>
      fold.add(atMs, count, sum, min, max, last);
    /** Hours that are known point by point. */
    const known = new Set<number>();
    for (const [hour, points] of byHour(fresh)) {
      const raw = this.#read(RAW, hour, id);
      if (raw) known.add(hour);
      const merged = mergeRaw(raw && readRaw(raw), points.at, points.values);
      const isLate = raw === undefined && tier !== RAW;
      const news = isLate ? this.#unseen(hour, id, merged) : merged;
      eachPoint(news, hour * RAW.blockMs, sink);
    }
    for (let block = first; block < end; block++) {
      if (tier !== HOURS && known.has(block)) continue;
      const bytes = this.#read(tier, block, id);
      if (!bytes) continue;
      const startMs = block * tier.blockMs;
      if (tier === RAW) eachPoint(readRaw(bytes), startMs, sink);
      else this.#eachSlot(bytes, tier, startMs, tier === HOURS ? known : undefined, sink);
    }
    return fold.buckets();
  }

  /** Points that are not in minutes whose own points are not kept any more. */
  #unseen(hour: number, id: number, points: RawBlock): RawBlock {
    const bytes = this.#read(MINUTES, hour, id);
    const at = bytes && readTimed(bytes).at;
    return at ? without(points, at) : points;
  }

  #eachSlot(
    bytes: Uint8Array,
    tier: Tier,
    startMs: number,
    known: ReadonlySet<number> | undefined,
    sink: Sink,
  ): void {
    const { slots, counts, sums, mins, maxs, lasts } = readRolled(bytes);
    for (let index = 0; index < slots.length; index++) {
      const atMs = startMs + (slots[index] ?? 0) * tier.slotMs;
      if (known?.has(atMs / RAW.blockMs)) continue;
      sink(
        atMs,
        counts[index] ?? 0,
        sums[index] ?? 0,
        mins[index] ?? 0,
        maxs[index] ?? 0,
        lasts[index] ?? 0,
      );
    }
  }

  #points(
    id: number,
    fresh: IntakePoints | undefined,
    window: Window,
    [first, end]: Span,
  ): Bucket[] {
    const buckets: Bucket[] = [];
    const byHours = byHour(fresh);
    const hours = new Set(byHours.keys());
    for (let hour = first; hour < end; hour++) hours.add(hour);
    for (const hour of [...hours].toSorted((a, b) => a - b)) {
      const bytes = this.#read(RAW, hour, id);
      const points = byHours.get(hour);
      if (!bytes && !points) continue;
      const raw = mergeRaw(bytes && readRaw(bytes), points?.at ?? [], points?.values ?? []);
      eachPoint(raw, hour * RAW.blockMs, (atMs, count, sum, min, max, last) => {
        if (atMs < window.fromMs || atMs >= window.toMs) return;
        buckets.push({ atMs, mean: sum, min, max, last, count });
      });
    }
    return buckets;
  }

  #read(tier: Tier, block: number, id: number): Uint8Array | undefined {
    return this.#get[tier.table].get(block * SERIES_IDS + id)?.["data"] as Uint8Array | undefined;
  }

  /** Blocks of the window that there are. */
  #blocks(tier: Tier, window: Window): Span {
    const { first, last } = this.#edges[tier.table].get() as {
      first: number | null;
      last: number | null;
    };
    if (first === null || last === null) return [0, 0];
    return [
      Math.max(Math.floor(first / SERIES_IDS), Math.floor(window.fromMs / tier.blockMs)),
      Math.min(Math.floor(last / SERIES_IDS) + 1, Math.ceil(window.toMs / tier.blockMs)),
    ];
  }
}

function tierOf(everyMs: number): Tier {
  if (everyMs > 0 && everyMs % HOURS.slotMs === 0) return HOURS;
  if (everyMs > 0 && everyMs % MINUTES.slotMs === 0) return MINUTES;
  return RAW;
}

function byHour(points: IntakePoints | undefined): Map<number, IntakePoints> {
  const hours = new Map<number, IntakePoints>();
  points?.at.forEach((atMs, index) => {
    const hour = Math.floor(atMs / RAW.blockMs);
    let within = hours.get(hour);
    if (!within) hours.set(hour, (within = { at: [], values: [] }));
    within.at.push(atMs - hour * RAW.blockMs);
    within.values.push(points.values[index] ?? 0);
  });
  return hours;
}

function eachPoint({ at, values }: RawBlock, startMs: number, sink: Sink): void {
  for (let index = 0; index < at.length; index++) {
    const value = values[index] ?? 0;
    sink(startMs + (at[index] ?? 0), 1, value, value, value, value);
  }
}

function pack(buckets: readonly Bucket[]): PackedBuckets {
  const packed = new Float64Array(buckets.length * 6);
  let at = 0;
  for (const { atMs, mean, min, max, last, count } of buckets) {
    packed[at++] = atMs;
    packed[at++] = mean;
    packed[at++] = min;
    packed[at++] = max;
    packed[at++] = last;
    packed[at++] = count;
  }
  return packed;
}

/** The other end of `pack`. */
export function unpack(packed: PackedBuckets): Bucket[] {
  const buckets: Bucket[] = [];
  for (let at = 0; at < packed.length; at += 6) {
    buckets.push({
      atMs: packed[at] ?? 0,
      mean: packed[at + 1] ?? 0,
      min: packed[at + 2] ?? 0,
      max: packed[at + 3] ?? 0,
      last: packed[at + 4] ?? 0,
      count: packed[at + 5] ?? 0,
    });
  }
  return buckets;
}
