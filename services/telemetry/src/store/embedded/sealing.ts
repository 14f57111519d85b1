import type { DatabaseSync, StatementSync } from "node:sqlite";
import {
  addToRolled,
  mergeRaw,
  mergeRolled,
  readRaw,
  readRolled,
  readTimed,
  rollUp,
  rollUpAll,
  without,
  writeRaw,
  writeRolled,
  type RawBlock,
  type RolledBlock,
  type TimedBlock,
} from "./blocks.js";
import {
  dayOf,
  HOURS,
  MINUTES,
  newColumns,
  RAW,
  SERIES_IDS,
  unpackInto,
  type Columns,
  type Tier,
} from "./tables.js";

/**
 * Sorts what came in into blocks. Points are put together by their time, so that doing it twice, after a crash in the
 * middle, gives the same.
 */
export class Sealing {
  readonly #db: DatabaseSync;
  readonly #points: Columns;
  /** Indexes of the points by series, in the order in which they came. */
  readonly #order: Uint32Array;
  readonly #lastSeq: number;
  readonly #oldestRawHour: number;
  readonly #today: number;
  readonly #seen: StatementSync;
  readonly #get: Readonly<Record<Tier["table"], StatementSync>>;
  readonly #put: Readonly<Record<Tier["table"], StatementSync>>;
  readonly #keyOf: StatementSync;
  /** Times of points that came too late, by what their series have in common: a point may have many fields. */
  readonly #tooLate = new Map<string, Set<number>>();
  #done = 0;

  /** @param rawSinceMs points before it are not kept by themselves any more */
  constructor(db: DatabaseSync, rawSinceMs: number, nowMs: number) {
    this.#db = db;
    this.#today = dayOf(nowMs);
    this.#seen = db.prepare("UPDATE series_day SET last = ?1 WHERE id = ?2 AND last < ?1");
    this.#oldestRawHour = Math.ceil(rawSinceMs / RAW.blockMs);
    const total = db.prepare("SELECT sum(points) AS points FROM intake").get() as {
      points: number | null;
    };
    this.#points = newColumns(total.points ?? 0);
    let length = 0;
    let lastSeq = 0;
    for (const row of db.prepare("SELECT seq, data FROM intake ORDER BY seq").iterate()) {
      length += unpackInto(row["data"] as Uint8Array, this.#points, length);
      lastSeq = Number(row["seq"]);
    }
    this.#lastSeq = lastSeq;
    this.#order = bySeries(this.#points.ids);
    const each = (sql: (table: string) => string): Record<Tier["table"], StatementSync> => ({
      raw_block: db.prepare(sql("raw_block")),
      minute_block: db.prepare(sql("minute_block")),
      hour_block: db.prepare(sql("hour_block")),
    });
    this.#get = each((table) => `SELECT data FROM ${table} WHERE key = ?`);
    this.#keyOf = db.prepare("SELECT key FROM series WHERE id = ?");
    this.#put = each((table) => `INSERT OR REPLACE INTO ${table} (key, data) VALUES (?, ?)`);
  }

  /** Points that are in nothing that is kept, because nobody can tell whether their hour has them already. */
  get tooLate(): number {
    return [...this.#tooLate.values()].reduce((sum, { size }) => sum + size, 0);
  }

  /** Does some of it, in one transaction. @returns whether all is done; only then the points have left the intake */
  work(forMs: number): boolean {
    const endMs = performance.now() + forMs;
    const before = this.#done;
    this.#db.exec("BEGIN IMMEDIATE");
    try {
      while (this.#done < this.#order.length && performance.now() < endMs) this.#sealSeries();
      const isDone = this.#done >= this.#order.length;
      if (isDone) this.#db.prepare("DELETE FROM intake WHERE seq <= ?").run(this.#lastSeq);
      this.#db.exec("COMMIT");
      return isDone;
    } catch (error) {
      if (this.#db.isTransaction) this.#db.exec("ROLLBACK");
      this.#done = before;
      throw error;
    }
  }

  #sealSeries(): void {
    const { at, values, ids } = this.#points;
    const id = ids[this.#order[this.#done] ?? 0] ?? 0;
    const hours = new Map<number, { at: number[]; values: number[] }>();
    for (; this.#done < this.#order.length; this.#done++) {
      const index = this.#order[this.#done] ?? 0;
      if (ids[index] !== id) break;
      const atMs = at[index] ?? 0;
      const hour = Math.floor(atMs / RAW.blockMs);
      let points = hours.get(hour);
      if (!points) hours.set(hour, (points = { at: [], values: [] }));
      points.at.push(atMs - hour * RAW.blockMs);
      points.values.push(values[index] ?? 0);
    }
    this.#seen.run(this.#today, id);
    for (const [hour, points] of hours) this.#sealHour(id, hour, points.at, points.values);
  }

  #sealHour(id: number, hour: number, at: number[], values: number[]): void {
    const key = hour * SERIES_IDS + id;
    const rawBytes = this.#read(RAW, key);
    const minutesBytes = this.#read(MINUTES, key);
    const points = mergeRaw(rawBytes && readRaw(rawBytes), at, values);
    if (rawBytes === undefined && minutesBytes !== undefined) {
      return this.#sealLate(id, hour, readTimed(minutesBytes), points);
    }
    if (minutesBytes === undefined && this.#isInHours(id, hour)) {
      return this.#leaveOut(id, hour, points);
    }
    const minutes = rollUp(points, MINUTES.slotMs);
    if (rawBytes !== undefined || hour >= this.#oldestRawHour) {
      this.#write(RAW, key, writeRaw(points));
    }
    this.#write(MINUTES, key, writeRolled(minutes, points.at));
    this.#sealInHours(id, hour, minutes);
  }

  #leaveOut(id: number, hour: number, points: RawBlock): void {
    const key = String(this.#keyOf.get(id)?.["key"] ?? id);
    const times = this.#tooLate.get(key) ?? new Set();
    for (const at of points.at) times.add(hour * RAW.blockMs + at);
    this.#tooLate.set(key, times);
  }

  /** Adds to minutes whose points are not kept any more those that are not in them yet, as their times tell. */
  #sealLate(id: number, hour: number, before: TimedBlock, points: RawBlock): void {
    const news = before.at ? without(points, before.at) : points;
    if (news.at.length === 0) return;
    const { rolled, at } = addToRolled(before, news, MINUTES.slotMs);
    this.#write(MINUTES, hour * SERIES_IDS + id, writeRolled(rolled, at));
    this.#sealInHours(id, hour, rolled);
  }

  /**
   * Whether an hour is rolled up already. Where its minutes are gone, nobody can tell which points are in it: what comes
   * later than that is left out and counted. Minutes go early where there is no room for them.
   */
  #isInHours(id: number, hour: number): boolean {
    const perBlock = HOURS.blockMs / HOURS.slotMs;
    const block = Math.floor(hour / perBlock);
    const bytes = this.#read(HOURS, block * SERIES_IDS + id);
    return bytes !== undefined && readRolled(bytes).slots.includes(hour - block * perBlock);
  }

  #sealInHours(id: number, hour: number, minutes: RolledBlock): void {
    const perBlock = HOURS.blockMs / HOURS.slotMs;
    const block = Math.floor(hour / perBlock);
    const key = block * SERIES_IDS + id;
    const before = this.#read(HOURS, key);
    const added = rollUpAll(minutes, hour - block * perBlock);
    const merged = mergeRolled(before && readRolled(before), added, "replace");
    this.#write(HOURS, key, writeRolled(merged));
  }

  #read(tier: Tier, key: number): Uint8Array | undefined {
    return this.#get[tier.table].get(key)?.["data"] as Uint8Array | undefined;
  }

  #write(tier: Tier, key: number, data: Uint8Array): void {
    this.#put[tier.table].run(key, data);
  }
}

/** A stable order by series in linear time. */
function bySeries(ids: Uint32Array): Uint32Array {
  let largest = 0;
  for (const id of ids) largest = Math.max(largest, id);
  const next = new Uint32Array(largest + 2);
  for (const id of ids) next[id + 1] = (next[id + 1] ?? 0) + 1;
  for (let id = 1; id < next.length; id++) next[id] = (next[id] ?? 0) + (next[id - 1] ?? 0);
  const order = new Uint32Array(ids.length);
  ids.forEach((id, index) => {
    const place = next[id] ?? 0;
    order[place] = index;
    next[id] = place + 1;
  });
  return order;
}
