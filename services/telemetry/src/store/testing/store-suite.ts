import { eventually, within } from "@outrider/testing/eventually";
import { tempDir, type TempDir } from "@outrider/testing/temp-dir";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { StoreConfig } from "../store-config.js";
import type { Point, RangeQuery, Series, Store } from "../store.js";

/** A store of one kind for the suite. */
export interface StoreUnderTest {
  readonly name: string;
  /** @param directory of the store itself; the database has one of its own */
  open(directory: string, limits?: Partial<StoreConfig>): Promise<Store>;
  /** Makes roll-ups of what is due, where a store has them. */
  rollUp?(store: Store): Promise<void>;
}

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
/** A whole hour some hours ago. */
export const HOUR = Math.floor(Date.now() / HOUR_MS - 4) * HOUR_MS;

let measurements = 0;
/** One that nobody else writes. */
export function freshName(): string {
  return `suite_${process.pid}_${++measurements}`;
}

export function pointOf(
  measurement: string,
  node: string,
  atMs: number,
  voltageVolts: number,
): Point {
  return { measurement, tags: { node, sensor: "supply" }, atMs, fields: { voltageVolts } };
}

/** Asks until it is as expected: databases show what they took a moment later. */
export async function rangeOnce(
  store: Store,
  query: RangeQuery,
  isThere: (series: readonly Series[]) => boolean,
): Promise<readonly Series[]> {
  let last: readonly Series[] = [];
  try {
    return await eventually(
      `the answer to ${JSON.stringify(query)}`,
      async () => {
        last = await store.range(query, within());
        return isThere(last) ? last : undefined;
      },
      { everyMs: 100, withinMs: 30_000 },
    );
  } catch (cause) {
    const got = JSON.stringify(last).slice(0, 2000);
    throw new Error(`${(cause as Error).message}; got ${got}`, { cause });
  }
}

export function countOf(series: readonly Series[]): number {
  return series.reduce(
    (sum, { buckets }) => sum + buckets.reduce((part, { count }) => part + count, 0),
    0,
  );
}

/** The promises of `Store`, of any store. */
export function describeStore(under: StoreUnderTest): void {
  describe(`a store: ${under.name}`, () => {
    let directory: TempDir;
    let store: Store;
    beforeAll(async () => {
      directory = await tempDir("store-");
      store = await under.open(directory.path);
    });
    afterAll(async () => {
      await store[Symbol.asyncDispose]();
      await directory.remove();
    });

    it("gives every point back as it was written, in the order of time", async () => {
      const measurement = freshName();
      const points = Array.from({ length: 500 }, (_, index) =>
        pointOf(measurement, `n${index % 5}`, HOUR + index * 7777, Math.sin(index) * 100),
      );
      await store.write(points.toReversed());
      const query = { measurement, fromMs: HOUR, toMs: HOUR + 2 * HOUR_MS, everyMs: 0 };
      const series = await rangeOnce(store, query, (found) => countOf(found) === 500);
      expect(series.map(({ tags, field }) => [{ ...tags }, field])).toEqual(
        [0, 1, 2, 3, 4].map((n) => [{ node: `n${n}`, sensor: "supply" }, "voltageVolts"]),
      );
      for (const [n, { buckets }] of series.entries()) {
        const own = points.filter((_, index) => index % 5 === n);
        expect(buckets.map(({ atMs }) => atMs)).toEqual(own.map(({ atMs }) => atMs));
        for (const [index, { mean, min, max, last, count }] of buckets.entries()) {
          const value = own[index]?.fields["voltageVolts"] ?? Number.NaN;
          // VictoriaMetrics keeps decimals of limited length.
          const close = store.traits.kind === "victoria" ? Math.abs(value) * 1e-12 : 0;
          for (const one of [mean, min, max, last]) {
            expect(Math.abs(one - value)).toBeLessThanOrEqual(close);
          }
          expect(count).toBe(1);
        }
      }
    });

    it("finds by tags, fields and time, the end left out", async () => {
      const measurement = freshName();
      const at = (node: string, atMs: number): Point => ({
        measurement,
        tags: { node },
        atMs,
        fields: { a: 1, b: 2 },
      });
      await store.write(["x", "y", "z"].flatMap((node) => [at(node, HOUR), at(node, HOUR + 1000)]));
      const all = { measurement, fromMs: HOUR, toMs: HOUR + 1001, everyMs: 0 };
      await rangeOnce(store, all, (found) => countOf(found) === 12);
      const some = await store.range(
        { ...all, toMs: HOUR + 1000, tags: { node: ["x", "z", "nobody"] }, fields: ["b"] },
        within(),
      );
      expect(some.map(({ tags, field, buckets }) => [tags["node"], field, buckets])).toEqual(
        ["x", "z"].map((node) => [
          node,
          "b",
          [{ atMs: HOUR, mean: 2, min: 2, max: 2, last: 2, count: 1 }],
        ]),
      );
      expect(await store.range({ ...all, tags: { node: [] } }, within())).toEqual([]);
      expect(await store.range({ ...all, measurement: freshName() }, within())).toEqual([]);
    });

    for (const [what, everyMs] of [
      ["seconds", 10_000],
      ["minutes", 5 * MINUTE_MS],
      ["hours", HOUR_MS],
    ] as const) {
      it(`makes buckets of ${what}, at once and after it has rolled up`, async () => {
        const measurement = freshName();
        const points = Array.from({ length: 900 }, (_, index) =>
          pointOf(measurement, "n1", HOUR + index * 8000 + 123, (index * 37) % 100),
        );
        await store.write(points);
        // Buckets are whole, whatever span is asked for.
        const query = { measurement, fromMs: HOUR + 1, toMs: HOUR + 2 * HOUR_MS - 1, everyMs };
        const expected = bucketsOf(points, everyMs);
        const check = async (): Promise<void> => {
          const [series] = await rangeOnce(store, query, (found) => countOf(found) === 900);
          expect(series?.buckets.map((bucket) => roughly(bucket))).toEqual(expected);
        };
        await check();
        await under.rollUp?.(store);
        await check();
        // What comes late belongs to it as well.
        if (!store.traits.lastWriteWins) return;
        const late = { ...pointOf(measurement, "n1", HOUR + 4123, 1000) };
        await store.write([late]);
        const again = bucketsOf([...points, late], everyMs);
        for (let time = 0; time < 2; time++) {
          const [series] = await rangeOnce(store, query, (found) => countOf(found) === 901);
          expect(series?.buckets.map((bucket) => roughly(bucket))).toEqual(again);
          await under.rollUp?.(store);
        }
      });
    }

    it("has a point once however often it is written, the last value counting", async () => {
      const measurement = freshName();
      const before = pointOf(measurement, "n1", HOUR, 1);
      await store.write([before, before]);
      await under.rollUp?.(store);
      await store.write([before, pointOf(measurement, "n1", HOUR + 1, 5)]);
      const query = { measurement, fromMs: HOUR, toMs: HOUR + 10, everyMs: 0 };
      const [series] = await rangeOnce(store, query, (found) => countOf(found) === 2);
      expect(series?.buckets.map(({ last }) => last)).toEqual([1, 5]);
      if (!store.traits.lastWriteWins) return;
      await store.write([pointOf(measurement, "n1", HOUR, 3)]);
      const isNew = (found: readonly Series[]): boolean => found[0]?.buckets[0]?.last === 3;
      const [changed] = await rangeOnce(store, query, isNew);
      expect(changed?.buckets.map(({ last }) => last)).toEqual([3, 5]);
      await under.rollUp?.(store);
      const hour = { ...query, everyMs: HOUR_MS };
      const [rolled] = await rangeOnce(store, hour, (found) => countOf(found) === 2);
      expect(rolled?.buckets).toMatchObject([{ min: 3, max: 5, mean: 4 }]);
    });

    it("keeps texts, newest first, or says that it does not", async () => {
      const measurement = freshName();
      const event = (node: string, second: number): Point => ({
        measurement,
        tags: { node, kind: "boot" },
        atMs: HOUR + second * 1000,
        fields: { count: 1 },
        text: `${node}: it's "up", 100 % \\ after ${second} s, ünïcode ✓`,
      });
      await store.write(Array.from({ length: 6 }, (_, second) => event(`n${second % 2}`, second)));
      const query = { measurement, fromMs: HOUR, toMs: HOUR + 5000, limit: 2 };
      const numbers = { ...query, fields: ["count"], everyMs: 0, limit: 100 };
      await rangeOnce(store, numbers, (found) => countOf(found) === 5);
      const texts = await store.texts({ ...query, tags: { node: ["n0"] } }, within());
      const expected = [event("n0", 4), event("n0", 2)].map(({ atMs, tags, text }) => ({
        atMs,
        tags,
        text,
      }));
      expect(texts.map((one) => ({ ...one, tags: { ...one.tags } }))).toEqual(
        store.traits.keepsTexts ? expected : [],
      );
      // A text is no number.
      const { fields: _, ...anyField } = numbers;
      const all = await store.range(anyField, within());
      expect(all.map(({ field }) => field)).toEqual(["count", "count"]);
    });

    it("leaves out what is no value, and keeps the rest", async () => {
      const measurement = freshName();
      const good = pointOf(measurement, "n1", HOUR, 5);
      const { refusedPoints } = store.health();
      await store.write([
        { ...good, fields: { voltageVolts: Number.NaN } },
        { ...good, fields: { voltageVolts: Number.POSITIVE_INFINITY, powerWatts: 3 } },
        { ...good, atMs: Number.NaN },
        { ...good, atMs: -5 },
        { ...good, atMs: 8.64e15 },
        { ...good, measurement: "" },
        { ...good, measurement: "two\nlines" },
        { ...good, tags: { node: "n1\nother,node=n2 voltageVolts=1" } },
        { ...good, tags: { node: "ends in \\" } },
        { ...good, tags: { node: "x".repeat(1000) } },
        { ...good, tags: { node: "half \ud800" } },
        { ...good, fields: {} },
        { ...good, fields: { "": 1 } },
        { ...good, fields: { time: 1 } },
        good,
      ]);
      expect(store.health().refusedPoints - refusedPoints).toBe(14);
      const query = { measurement, fromMs: HOUR, toMs: HOUR + 1, everyMs: 0 };
      const found = await rangeOnce(store, query, (series) => countOf(series) === 2);
      expect(found.map(({ field, buckets }) => [field, buckets[0]?.last])).toEqual([
        ["powerWatts", 3],
        ["voltageVolts", 5],
      ]);
    });

    it("says when an answer would be too long, and what would do", async () => {
      const measurement = freshName();
      await store.write(
        Array.from({ length: 600 }, (_, n) =>
          pointOf(measurement, `n${n % 3}`, HOUR + n * 1000, n),
        ),
      );
      const query = { measurement, fromMs: HOUR, toMs: HOUR + HOUR_MS, everyMs: 0, limit: 500 };
      await rangeOnce(store, { ...query, limit: 600 }, (found) => countOf(found) === 600);
      await expect(store.range(query, within())).rejects.toMatchObject({
        code: "too-much",
        everyMs: expect.any(Number),
      });
      const minutes = { ...query, everyMs: MINUTE_MS, limit: 100 };
      const error = await store.range(minutes, within()).catch((one: unknown) => one);
      expect(error).toMatchObject({ code: "too-much", everyMs: 2 * MINUTE_MS });
      const { everyMs } = error as { everyMs: number };
      expect(countOf(await store.range({ ...minutes, everyMs }, within()))).toBe(600);
    });

    it("stops asking when nobody waits any more", async () => {
      const query = { measurement: "any", fromMs: HOUR, toMs: HOUR + HOUR_MS, everyMs: 0 };
      const reason = new Error("gone");
      await expect(store.range(query, AbortSignal.abort(reason))).rejects.toBe(reason);
    });

    it("takes so many series and no more, and says so", async () => {
      await using own = await tempDir("store-");
      const small = await under.open(own.path, { maximumSeries: 10 });
      try {
        const measurement = freshName();
        const points = Array.from({ length: 30 }, (_, n) => pointOf(measurement, `n${n}`, HOUR, n));
        await small.write(points);
        await small.write(points.slice(0, 10).map((point) => ({ ...point, atMs: HOUR + 1 })));
        expect(small.health()).toMatchObject({ state: "degraded", series: 10, refusedPoints: 20 });
        expect(small.health().detail).toMatch(/10 series.*limit.*names that change/);
        const query = { measurement, fromMs: HOUR, toMs: HOUR + 10, everyMs: 0 };
        const found = await rangeOnce(small, query, (series) => countOf(series) === 20);
        expect(found).toHaveLength(10);
      } finally {
        await small[Symbol.asyncDispose]();
      }
    });

    it("has what it was given after it was closed and opened again, and is closed when it is", async () => {
      await using own = await tempDir("store-");
      const measurement = freshName();
      const first = await under.open(own.path);
      await first.write([pointOf(measurement, "n1", HOUR, 1)]);
      await first[Symbol.asyncDispose]();
      await expect(first.write([])).rejects.toMatchObject({ code: "refused" });
      const second = await under.open(own.path);
      try {
        await second.write([pointOf(measurement, "n1", HOUR + 1, 2)]);
        const query = { measurement, fromMs: HOUR, toMs: HOUR + 10, everyMs: 0 };
        await rangeOnce(second, query, (found) => countOf(found) === 2);
        expect(second.health()).toMatchObject({ droppedPoints: 0, refusedPoints: 0 });
      } finally {
        await second[Symbol.asyncDispose]();
      }
    });
  });
}

interface Expected {
  readonly atMs: number;
  readonly mean: number;
  readonly min: number;
  readonly max: number;
  readonly last: number;
  readonly count: number;
}

function roughly(bucket: Expected): Expected {
  return { ...bucket, mean: Math.round(bucket.mean * 1e6) / 1e6 };
}

function bucketsOf(points: readonly Point[], everyMs: number): Expected[] {
  const byStart = new Map<number, Point[]>();
  for (const point of points.toSorted((a, b) => a.atMs - b.atMs)) {
    const start = Math.floor(point.atMs / everyMs) * everyMs;
    byStart.set(start, [...(byStart.get(start) ?? []), point]);
  }
  return [...byStart].map(([atMs, own]) => {
    const values = own.map(({ fields }) => fields["voltageVolts"] ?? Number.NaN);
    return roughly({
      atMs,
      mean: values.reduce((sum, value) => sum + value, 0) / values.length,
      min: Math.min(...values),
      max: Math.max(...values),
      last: values.at(-1) ?? Number.NaN,
      count: values.length,
    });
  });
}
