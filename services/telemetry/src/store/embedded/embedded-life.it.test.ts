import { execFileSync } from "node:child_process";
import { mkdir, open, readdir, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { startNode } from "@outrider/testing/child";
import { eventually, within } from "@outrider/testing/eventually";
import { requireMount } from "@outrider/testing/peers";
import { tempDir, type TempDir } from "@outrider/testing/temp-dir";
import { VirtualClock } from "@outrider/testing/virtual-clock";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { StoreConfig, StoreDeps } from "../store-config.js";
import type { Point, Series } from "../store.js";
import { KnownPoints } from "../testing/known-points.js";
import { DEPS, QUIET } from "../testing/quiet.js";
import { countOf, HOUR, pointOf } from "../testing/store-suite.js";
import { EMBEDDED_FILE, EmbeddedStore } from "./embedded-store.js";

const WRITER = new URL("../testing/writer-main.js", import.meta.url);
const MIB = 1024 * 1024;
const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

let directory: TempDir;
let store: EmbeddedStore;
beforeEach(async () => {
  directory = await tempDir("embedded-");
});
afterEach(async () => {
  await store[Symbol.asyncDispose]();
  await directory.remove();
});

async function openIt(config: Partial<StoreConfig> = {}, deps: StoreDeps = DEPS): Promise<void> {
  store = await EmbeddedStore.open({ directory: directory.path, ...config }, deps);
}

/** Behind all that is written here, by the real clock and by virtual ones. */
const END_MS = Math.max(Date.now() + DAY_MS, Date.parse("2027-01-01T00:00:00Z"));

async function all(everyMs: number, fromMs = 0): Promise<readonly Series[]> {
  const query = { measurement: "m", fromMs, toMs: END_MS, everyMs };
  return store.range({ ...query, limit: 50_000_000 }, within(60_000));
}

it("has every point that was kept when the process was killed, four times over", async () => {
  const points = new KnownPoints("known", HOUR);
  for (let time = 0; time < 4; time++) {
    const args = [directory.path, points.measurement, String(points.startMs)];
    await using writer = await startNode(WRITER, { args });
    await eventually("some are kept", () => writer.lines.length > 20);
    await writer.kill("SIGKILL");
    points.keptUntil(Number(writer.lines.at(-1)));
    await openIt();
    expect(await points.wrongIn(store)).toEqual([]);
    if (time % 2 === 0) await store.sealAll();
    expect(await points.wrongIn(store)).toEqual([]);
    await store[Symbol.asyncDispose]();
  }
  expect(points.kept.size).toBeGreaterThan(1000);
});

it("is sorted in the background without anybody noticing", async () => {
  await openIt();
  const one = (n: number): Point => ({
    measurement: "m",
    tags: { node: `n${n % 50}` },
    atMs: HOUR + Math.floor(n / 50) * 100,
    fields: { a: n, b: -n },
  });
  let n = 0;
  const write = async (count: number): Promise<void> => {
    const until = n + count;
    for (; n < until; n += 10_000) {
      await store.write(Array.from({ length: 10_000 }, (_, index) => one(n + index)));
    }
  };
  // Beyond a million values it sorts; whoever asks meanwhile gets the same as before and after.
  await write(480_000);
  const query = { measurement: "m", fields: ["a"], fromMs: HOUR, toMs: HOUR + HOUR_MS };
  const count = async (): Promise<number> =>
    countOf(await store.range({ ...query, everyMs: 60_000 }, within(60_000)));
  expect(await count()).toBe(480_000);
  await write(60_000);
  for (let time = 0; time < 20; time++) expect(await count()).toBe(540_000);
  await store.sealAll();
  expect(await count()).toBe(540_000);
});

it("is written while a long question is answered, and forgets one that nobody waits for", async () => {
  await openIt();
  for (let part = 0; part < 20; part++) {
    await store.write(
      Array.from({ length: 20_000 }, (_, n) => ({
        ...pointOf("m", `n${n % 100}`, HOUR + part * 200_000 + Math.floor(n / 100) * 1000, n),
      })),
    );
  }
  let isAnswered = false;
  const stop = new AbortController();
  const asked = Promise.all(
    Array.from({ length: 5 }, () =>
      store.range(
        {
          measurement: "m",
          fromMs: 0,
          toMs: HOUR + DAY_MS,
          everyMs: 0,
          limit: 10_000_000,
        },
        stop.signal,
      ),
    ),
  ).finally(() => (isAnswered = true));
  asked.catch(() => undefined);
  for (let n = 0; n < 5; n++) await store.write([pointOf("other", "n1", HOUR + n, n)]);
  expect(isAnswered).toBe(false);
  stop.abort(new Error("gone"));
  await expect(asked).rejects.toThrow("gone");
});

it("keeps each tier for its time, and what comes late where it still belongs", async () => {
  const clock = new VirtualClock(new Date("2026-06-01T00:30:00Z"));
  const retention = { rawMs: DAY_MS, minutesMs: 10 * DAY_MS, hoursMs: 100 * DAY_MS };
  await openIt({ retention }, { clock, log: QUIET });
  const startMs = clock.now().getTime();
  const write = async (atMs: number, value: number): Promise<void> =>
    store.write([pointOf("m", "n1", atMs, value)]);
  await write(startMs, 1);
  await store.sealAll();
  await clock.advance(3 * DAY_MS);
  await write(startMs + 3 * DAY_MS, 3);
  // Two days old: too old for a point of its own.
  await write(startMs + DAY_MS, 2);
  await store.sealAll();
  await clock.advance(HOUR_MS);
  await store.sealAll();
  const counts = async (): Promise<number[]> =>
    Promise.all(
      [0, 60_000, HOUR_MS].map(async (everyMs) => countOf(await all(everyMs, startMs - DAY_MS))),
    );
  expect(await counts()).toEqual([1, 3, 3]);
  await clock.advance(9 * DAY_MS);
  await store.sealAll();
  expect(await counts()).toEqual([0, 1, 3]);
  await clock.advance(110 * DAY_MS);
  await store.sealAll();
  expect(await counts()).toEqual([0, 0, 0]);
});

it("has what is repeated once, however late it is and whatever was sorted meanwhile", async () => {
  const clock = new VirtualClock(new Date("2026-06-01T00:30:00Z"));
  const retention = { rawMs: DAY_MS, minutesMs: 10 * DAY_MS, hoursMs: 100 * DAY_MS };
  await openIt({ retention }, { clock, log: QUIET });
  const startMs = clock.now().getTime();
  const points = [0, 7, 61, 600].map((second) =>
    pointOf("m", "n1", startMs + second * 1000, second),
  );
  const [first, second, third, fourth] = points as [Point, Point, Point, Point];
  const counts = async (): Promise<number[]> =>
    Promise.all([60_000, HOUR_MS].map(async (everyMs) => countOf(await all(everyMs, startMs))));
  await store.write([first, second]);
  await store.sealAll();
  // Its points are not kept any more; one of its hour was never heard.
  await clock.advance(3 * DAY_MS);
  await store.sealAll();
  for (const late of [[first], [second, third], [third], points]) {
    await store.write(late);
    const there = late.includes(fourth) ? 4 : late.includes(third) ? 3 : 2;
    expect(await counts()).toEqual([there, there]);
    await store.sealAll();
    expect(await counts()).toEqual([there, there]);
  }
  // An hour of which nothing was there, sent twice.
  const alone = pointOf("m", "n1", startMs + DAY_MS, 5);
  for (let time = 0; time < 2; time++) {
    await store.write([alone, alone]);
    expect(await counts()).toEqual([5, 5]);
    await store.sealAll();
    expect(await counts()).toEqual([5, 5]);
  }
  const [series] = await all(HOUR_MS, startMs);
  expect(series?.buckets).toMatchObject([
    { count: 4, min: 0, max: 600, mean: 167 },
    { count: 1, last: 5 },
  ]);
});

it("leaves out and counts what comes when its minutes are gone, and keeps its hours as they are", async () => {
  const clock = new VirtualClock(new Date("2026-06-01T00:30:00Z"));
  const retention = { rawMs: DAY_MS, minutesMs: 10 * DAY_MS, hoursMs: 100 * DAY_MS };
  await openIt({ retention }, { clock, log: QUIET });
  const startMs = clock.now().getTime();
  const write = (value: number): Promise<void> =>
    store.write([pointOf("m", "n1", startMs + value, value)]);
  for (const value of [1, 2, 3]) await write(value);
  await store.sealAll();
  await clock.advance(11 * DAY_MS);
  await store.sealAll();
  await write(3);
  await write(4);
  await store.sealAll();
  expect(countOf(await all(HOUR_MS, startMs - DAY_MS))).toBe(3);
  expect(store.health()).toMatchObject({ droppedPoints: 2, latePoints: 2, state: "ok" });
});

it("counts what comes for hours whose minutes had to make room, though it was taken", async () => {
  const clock = new VirtualClock(new Date("2026-06-01T05:00:00Z"));
  await openIt({ embeddedBytes: 4 * MIB }, { clock, log: QUIET });
  const startMs = clock.now().getTime();
  const one = (hour: number, n: number): Point => ({
    measurement: "m",
    tags: { node: `n${n % 10}` },
    atMs: startMs + hour * HOUR_MS + Math.floor(n / 10) * 10_000,
    fields: { a: Math.random(), b: Math.random() },
  });
  const writeHour = (hour: number): Promise<void> =>
    store.write(Array.from({ length: 3600 }, (_, n) => one(hour, n)));
  const hours = 60;
  for (let hour = 0; hour < hours; hour++) {
    await writeHour(hour);
    await clock.advance(HOUR_MS);
    await store.sealAll();
  }
  const count = async (everyMs: number, ofHours: number): Promise<number> => {
    const query = { measurement: "m", fromMs: startMs, toMs: startMs + ofHours * HOUR_MS };
    return countOf(await store.range({ ...query, everyMs }, within()));
  };
  expect([await count(60_000, 1), await count(HOUR_MS, 1)]).toEqual([0, 7200]);
  expect(store.health()).toMatchObject({ droppedPoints: 0 });
  // Back-fill of an agent that was away: new times, as well within what is kept for 31 days.
  const late = Array.from({ length: 500 }, (_, n) => ({
    ...one(0, n),
    atMs: startMs + 1 + n * 1000,
  }));
  await store.write(late);
  await store.sealAll();
  expect(store.health()).toMatchObject({ droppedPoints: 500, latePoints: 500, state: "ok" });
  expect(await count(HOUR_MS, 1)).toBe(7200);
  // As much of an hour whose minutes are there is kept.
  await store.write(late.map((point) => ({ ...point, atMs: point.atMs + (hours - 2) * HOUR_MS })));
  await store.sealAll();
  expect(store.health()).toMatchObject({ droppedPoints: 500, state: "ok" });
  expect(await count(HOUR_MS, hours)).toBe(hours * 7200 + 1000);
}, 120_000);

it("forgets series of which nothing is left, and those that take their places have nothing of theirs", async () => {
  const clock = new VirtualClock(new Date("2026-06-01T00:30:00Z"));
  const retention = { rawMs: DAY_MS, minutesMs: 2 * DAY_MS, hoursMs: 5 * DAY_MS };
  const deps = { clock, log: QUIET };
  await openIt({ retention }, deps);
  const startMs = clock.now().getTime();
  const seriesThere = (): number[] => {
    const db = new DatabaseSync(join(directory.path, EMBEDDED_FILE), { readOnly: true });
    const rows = db.prepare("SELECT id FROM series ORDER BY id").all();
    db.close();
    return rows.map(({ id }) => Number(id));
  };
  await store.write([pointOf("m", "gone", startMs, 1), pointOf("m", "stays", startMs, 2)]);
  await store.sealAll();
  await clock.advance(11 * DAY_MS);
  await store.write([pointOf("m", "stays", startMs + 11 * DAY_MS, 3)]);
  await store.sealAll();
  await clock.advance(HOUR_MS);
  await store.forgetOld();
  expect(seriesThere()).toEqual([1, 2]);
  // What a process before this one knew is as old as it was there.
  await store[Symbol.asyncDispose]();
  await openIt({ retention }, deps);
  await clock.advance(2 * DAY_MS);
  await store.forgetOld();
  expect(seriesThere()).toEqual([2]);
  await store.write([pointOf("m", "next", startMs + 13 * DAY_MS, 4)]);
  expect(seriesThere()).toEqual([1, 2]);
  const found = await all(HOUR_MS, startMs);
  expect(found.map(({ tags, buckets }) => [tags["node"], buckets.length])).toEqual([
    ["next", 1],
    ["stays", 1],
  ]);
});

it("makes room for new series by those that came for a day, with all that is kept of them", async () => {
  const clock = new VirtualClock(new Date("2026-06-01T00:30:00Z"));
  await openIt({ maximumSeries: 10 }, { clock, log: QUIET });
  const write = (name: string, count: number): Promise<void> =>
    store.write(
      Array.from({ length: count }, (_, n) =>
        pointOf("m", `${name}-${n}`, clock.now().getTime(), n),
      ),
    );
  const startMs = clock.now().getTime();
  for (let day = 0; day < 3; day++) {
    await write("own", 4);
    await clock.advance(26 * HOUR_MS);
  }
  for (let day = 0; day < 6; day++) {
    await write(`hostile-${day}`, 20);
    await store.sealAll();
    await clock.advance(26 * HOUR_MS);
    await store.forgetOld();
  }
  const found = await all(HOUR_MS, startMs);
  const names = found.map(({ tags }) => String(tags["node"]));
  expect(names.filter((name) => name.startsWith("own"))).toHaveLength(4);
  expect(names.filter((name) => name.startsWith("hostile-0"))).toEqual([]);
  expect(names.filter((name) => name.startsWith("hostile-5")).length).toBeGreaterThan(5);
  expect(names.length).toBeLessThanOrEqual(40);
  expect(store.health()).toMatchObject({ series: 0 });
});

it("gives up its oldest points before it grows beyond its bytes, and goes on writing", async () => {
  const clock = new VirtualClock(new Date("2026-06-01T05:00:00Z"));
  const bytes = 12 * MIB;
  await openIt({ embeddedBytes: bytes }, { clock, log: QUIET });
  const startMs = clock.now().getTime();
  for (let hour = 0; hour < 40; hour++) {
    await store.write(
      Array.from({ length: 36_000 }, (_, n) =>
        pointOf(
          "m",
          `n${n % 100}`,
          startMs + hour * HOUR_MS + Math.floor(n / 100) * 10_000,
          Math.random(),
        ),
      ),
    );
    await clock.advance(HOUR_MS);
    await store.sealAll();
  }
  expect((await stat(join(directory.path, EMBEDDED_FILE))).size).toBeLessThanOrEqual(bytes);
  const query = { measurement: "m", fromMs: startMs, toMs: startMs + 40 * HOUR_MS };
  const hours = await store.range({ ...query, everyMs: HOUR_MS }, within());
  expect(countOf(hours)).toBe(40 * 36_000);
  const newest = await store.range(
    { ...query, fromMs: startMs + 38 * HOUR_MS, everyMs: 0 },
    within(),
  );
  expect(countOf(newest)).toBe(2 * 36_000);
  expect(store.health().state).toBe("ok");
}, 240_000);

describe.runIf(requireMount())("on a full disk", () => {
  let disk: string;
  beforeEach(async () => {
    disk = join(directory.path, "disk");
    await mkdir(disk);
    execFileSync("mount", ["-t", "tmpfs", "-o", "size=8m", "tmpfs", disk]);
  });
  afterEach(async () => {
    await store[Symbol.asyncDispose]();
    execFileSync("umount", [disk]);
  });

  it("says so, keeps what it has, and goes on when there is room", async () => {
    const points = new KnownPoints("known", HOUR);
    await openIt({ directory: disk });
    expect(await points.write(store, 2000)).toBe(true);
    await writeFile(join(disk, "filler"), Buffer.alloc(16 * MIB)).catch(() => undefined);
    await eventually("nothing is kept any more", async () => !(await points.write(store, 2000)));
    expect(store.health()).toMatchObject({
      state: "degraded",
      detail: expect.stringMatching(/Free space|Look at the disk/),
    });
    expect(await points.wrongIn(store)).toEqual([]);
    await rm(join(disk, "filler"));
    expect(await points.write(store, 2000)).toBe(true);
    expect(store.health().state).toBe("ok");
    await store.sealAll();
    expect(await points.wrongIn(store)).toEqual([]);
  });
});

it("puts a damaged file aside and begins anew, loudly", async () => {
  await openIt();
  await store.write([pointOf("m", "n1", HOUR, 1)]);
  await store[Symbol.asyncDispose]();
  const file = await open(join(directory.path, EMBEDDED_FILE), "r+");
  await file.write("no database at all", 0);
  await file.close();
  const errors: string[] = [];
  const log = { ...QUIET, error: (_: object, message: string) => void errors.push(message) };
  await openIt({}, { ...DEPS, log });
  expect(errors).toEqual([expect.stringMatching(/damaged.*put aside/)]);
  expect(await readdir(directory.path)).toContain(`${EMBEDDED_FILE}.damaged-1`);
  await store.write([pointOf("m", "n1", HOUR, 2)]);
  expect(countOf(await all(0))).toBe(1);
});
