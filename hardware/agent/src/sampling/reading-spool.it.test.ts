import { execFileSync } from "node:child_process";
import {
  appendFile,
  mkdir,
  readdir,
  rename,
  rm,
  stat,
  truncate,
  writeFile,
} from "node:fs/promises";
import { join } from "node:path";
import { endpointId, nodeId } from "@outrider/contracts/ids";
import { silentLog } from "@outrider/messaging/log";
import { eventually } from "@outrider/testing/eventually";
import { requireMount } from "@outrider/testing/peers";
import { tempDir, type TempDir } from "@outrider/testing/temp-dir";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { logWith } from "../log.js";
import { batchOf, type Batch } from "./batch-record.js";
import { ReadingSpool, UNWRITTEN_BYTES } from "./reading-spool.js";

const MEBIBYTE = 1_048_576;
const log = logWith(silentLog, {});
let time = 0;

/** No two are alike, and none can be made much smaller. */
function batch(readings = 10, detail = 0): Batch {
  return {
    boot: "b1",
    readings: Array.from({ length: readings }, () => ({
      endpoint: endpointId("n1", "sensor", "supply"),
      node: nodeId("n1"),
      at: new Date((time += 1000)).toISOString(),
      takenMs: time,
      values: { voltageVolts: Math.random() },
      ...(detail > 0 ? { problem: random(detail) } : {}),
    })),
  };
}
const random = (length: number): string =>
  Array.from({ length }, () => String.fromCodePoint(33 + Math.floor(Math.random() * 90))).join("");

const open = (directory: string, limitBytes = 64 * MEBIBYTE): Promise<ReadingSpool> =>
  ReadingSpool.open({ directory, limitBytes, log });

async function all(spool: ReadingSpool, from = 1) {
  const found: { seq: number; batch: Batch }[] = [];
  for (let at = from; ;) {
    const records = await spool.read(at);
    const last = records.at(-1);
    if (!last) return found;
    found.push(...records.map((record) => ({ seq: record.seq, batch: batchOf(record) })));
    at = last.seq + 1;
  }
}
const written = async (directory: string): Promise<number> => {
  const names = await readdir(directory);
  const sizes = await Promise.all(
    names.map(async (name) => (await stat(join(directory, name))).size),
  );
  return sizes.reduce((sum, size) => sum + size, 0);
};

describe("a spool of readings", () => {
  let dir: TempDir;
  let directory: string;
  beforeEach(async () => {
    dir = await tempDir();
    directory = join(dir.path, "readings");
  });
  afterEach(() => dir.remove());

  test("keeps what was put in over a restart in order, and goes on with its numbers", async () => {
    const batches = Array.from({ length: 50 }, () => batch());
    let id: string;
    {
      await using spool = await open(directory);
      for (const one of batches) spool.append(one);
      ({ id } = spool);
      spool.acknowledge(20);
    }
    await using again = await open(directory);
    expect(again.id).toBe(id);
    expect(again.acknowledged).toBe(20);
    expect(again.append(batch()).seq).toBe(51);
    const kept = await all(again, 21);
    expect(kept.map(({ seq }) => seq)).toEqual(Array.from({ length: 31 }, (_, at) => 21 + at));
    expect(kept.slice(0, 30).map((one) => one.batch)).toEqual(batches.slice(20));
  });

  test("of a process that was killed is whole but for what was not written, and no number is used twice", async () => {
    const killed = await open(directory);
    const batches = Array.from({ length: 5 }, () => batch());
    for (const one of batches) killed.append(one);
    const before = await eventually("it is written", async () => {
      const bytes = await written(directory);
      return bytes > 500 && bytes;
    });
    const [file = ""] = await readdir(directory);
    // The power went in the middle of a write.
    await appendFile(join(directory, file), Buffer.alloc(100, 7));
    {
      await using again = await open(directory);
      const kept = await all(again);
      expect(kept.map((one) => one.batch)).toEqual(batches);
      expect(again.append(batch()).seq).toBeGreaterThan(1_000_000);
      expect(await all(again)).toHaveLength(6);
    }
    await truncate(join(directory, file), before - 10);
    await using third = await open(directory);
    expect((await all(third)).map(({ seq }) => seq).slice(0, 5)).toEqual([
      1,
      2,
      3,
      4,
      expect.any(Number),
    ]);
    await killed[Symbol.asyncDispose]();
  });

  test("that is full drops the oldest, says how much, and says so again after a restart", async () => {
    const limit = 2 * MEBIBYTE;
    {
      await using spool = await open(directory, limit);
      for (let at = 1; at <= 600; at++) {
        spool.append(batch(20, 400));
        if (at % 50 === 0)
          await eventually("it is written", () => spool.stats().memoryBytes < 300_000);
      }
    }
    const bytes = await written(directory);
    expect(bytes).toBeLessThan(limit * 1.02);
    expect(bytes).toBeGreaterThan(limit * 0.9);
    let drop;
    {
      await using again = await open(directory, limit);
      const kept = await all(again);
      const first = kept[0]?.seq ?? 0;
      expect(first).toBeGreaterThan(100);
      expect(kept.map(({ seq }) => seq)).toEqual(
        Array.from({ length: 601 - first }, (_, at) => first + at),
      );
      drop = again.droppedBetween(0, first);
      expect(drop).toMatchObject({ before: first, readings: (first - 1) * 20 });
      expect(again.droppedBetween(first, 600)).toBeUndefined();
      const [oldest] = kept[0]?.batch.readings ?? [];
      expect(drop?.untilMs).toBe(Date.parse(oldest?.at ?? "") - 1000);
    }
    await using third = await open(directory, limit);
    expect(third.droppedBetween(0, 600)).toEqual(drop);
    third.acknowledge(drop?.before ?? 0);
    expect(third.droppedBetween(0, 600)).toBeUndefined();
  });

  test("forgets what is acknowledged, on disk and in memory", async () => {
    await using spool = await open(directory, 2 * MEBIBYTE);
    for (let at = 1; at <= 100; at++) spool.append(batch(20, 400));
    await eventually("it is written", () => spool.stats().memoryBytes < 300_000);
    expect(await written(directory)).toBeGreaterThan(500_000);
    spool.acknowledge(100);
    await eventually("it is gone", async () => (await written(directory)) < 140_000);
    expect(spool.stats()).toMatchObject({ memoryBytes: 0, dropped: 0 });
    expect(await all(spool, 101)).toEqual([]);
  });

  test("takes nothing for stored that it never had", async () => {
    await using spool = await open(directory);
    spool.append(batch());
    spool.acknowledge(700);
    expect(spool.append(batch()).seq).toBe(2);
    expect((await all(spool)).map(({ seq }) => seq)).toEqual([1, 2]);
  });

  test("that is renewed keeps all it has under its new id, over a restart, too", async () => {
    const batches = Array.from({ length: 6 }, () => batch());
    let former: string;
    let id: string;
    {
      await using spool = await open(directory);
      former = spool.id;
      for (const one of batches.slice(0, 3)) spool.append(one);
      spool.acknowledge(1);
    }
    {
      await using again = await open(directory);
      for (const one of batches.slice(3, 5)) again.append(one);
      again.renew();
      ({ id } = again);
      expect(id).not.toBe(former);
      for (const one of batches.slice(5)) again.append(one);
      expect((await all(again, 2)).map((one) => one.batch)).toEqual(batches.slice(1));
    }
    await using third = await open(directory);
    expect([third.id, third.acknowledged, third.next]).toEqual([id, 1, 7]);
    expect((await all(third, 2)).map((one) => one.batch)).toEqual(batches.slice(1));
  });

  test("begins anew beside files that are none of its own", async () => {
    await mkdir(directory);
    await writeFile(join(directory, "0000000000000009.readings"), "nonsense");
    await using spool = await open(directory);
    expect(spool.append(batch()).seq).toBe(1);
    expect(await all(spool)).toHaveLength(1);
  });

  test("that was begun where nobody could look has what was there before after the next start", async () => {
    const batches = Array.from({ length: 5 }, () => batch());
    const ids: string[] = [];
    {
      await using spool = await open(directory);
      ids.push(spool.id);
      for (const one of batches.slice(0, 3)) spool.append(one);
      spool.acknowledge(1);
    }
    const away = join(dir.path, "away");
    await rename(directory, away);
    await writeFile(directory, "in the way");
    {
      await using blind = await open(directory);
      ids.push(blind.id);
      await eventually("it is said", () => blind.problem?.includes("EEXIST"));
      await rm(directory);
      await rename(away, directory);
      const { seq } = blind.append(batches[3] ?? batch());
      await eventually("it is written", () => blind.problem === undefined);
      expect((await all(blind)).map((one) => one.batch)).toEqual(batches.slice(3, 4));
      blind.acknowledge(seq);
    }
    for (let starts = 0; starts < 2; starts++) {
      await using again = await open(directory);
      expect(ids).not.toContain(again.id);
      ids.push(again.id);
      expect(again.acknowledged).toBe(1);
      // The last of a file that is not deleted yet takes its own place in the store.
      expect((await all(again, 2)).map((one) => one.batch)).toEqual(batches.slice(1, 4));
    }
    await using last = await open(directory);
    const { seq } = last.append(batches[4] ?? batch());
    expect((await all(last, 2)).map((one) => one.batch)).toEqual(batches.slice(1));
    last.acknowledge(seq);
    expect(await all(last, 2)).toEqual([]);
    await eventually(
      "what was there before is gone",
      async () => (await readdir(directory)).length === 1,
    );
    await last[Symbol.asyncDispose]();
    await using after = await open(directory);
    expect([after.id, after.acknowledged]).toEqual([last.id, seq]);
  });

  test("that has no place on disk keeps a bounded part in memory", async () => {
    await writeFile(directory, "in the way");
    await using spool = await open(directory);
    expect(spool.problem).toContain("EEXIST");
    const total = 800;
    for (let at = 0; at < total; at++) spool.append(batch(20, 500));
    const kept = await all(spool);
    expect(spool.stats().memoryBytes).toBeLessThanOrEqual(UNWRITTEN_BYTES);
    expect(spool.stats().memoryBytes).toBeGreaterThan(UNWRITTEN_BYTES / 2);
    const first = kept[0]?.seq ?? 0;
    expect(kept.length).toBeLessThan(total);
    expect(spool.droppedBetween(0, first)).toMatchObject({ readings: 20 * (total - kept.length) });
    await rm(directory);
    spool.append(batch());
    await eventually("it is written after all", () => spool.problem === undefined);
    expect((await all(spool)).map(({ seq }) => seq)).toEqual(
      Array.from({ length: kept.length + 1 }, (_, at) => first + at),
    );
  });
});

describe.runIf(requireMount())("a disk that is full (P12)", () => {
  let dir: TempDir;
  let disk: string;
  beforeEach(async () => {
    dir = await tempDir();
    disk = join(dir.path, "disk");
    await mkdir(disk);
    execFileSync("mount", ["-t", "tmpfs", "-o", "size=1m", "tmpfs", disk]);
  });
  afterEach(async () => {
    execFileSync("umount", [disk]);
    await dir.remove();
  });

  test("loses no readings that memory holds, and gets them once there is room", async () => {
    const directory = join(disk, "readings");
    const batches = Array.from({ length: 150 }, () => batch(20, 400));
    {
      await using spool = await open(directory);
      for (const [at, one] of batches.entries()) {
        spool.append(one);
        if (at % 10 === 0) await new Promise((resolve) => setImmediate(resolve));
      }
      await eventually("it is said", () => spool.problem?.includes("is full"));
      expect((await all(spool)).map((one) => one.batch)).toEqual(batches);
      execFileSync("mount", ["-o", "remount,size=8m", disk]);
      spool.append(batch());
      await eventually("it recovers", () => spool.problem === undefined);
    }
    await using again = await open(directory);
    expect((await all(again)).map((one) => one.batch).slice(0, 150)).toEqual(batches);
  });

  test("from the start gives numbers that no process after it gives", async () => {
    const directory = join(disk, "readings");
    {
      await using spool = await open(directory);
      spool.append(batch());
    }
    const killed = await open(directory);
    await writeFile(join(disk, "ballast"), Buffer.alloc(MEBIBYTE)).catch(() => undefined);
    const first = await open(directory);
    const second = await open(directory);
    expect(first.problem).toContain("is full");
    const numbers = [killed, first, second].map((spool) => spool.append(batch()).seq);
    expect(new Set(numbers).size).toBe(3);
    await rm(join(disk, "ballast"));
    for (const spool of [killed, first, second]) await spool[Symbol.asyncDispose]();
  });
});
