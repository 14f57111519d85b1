import { execFileSync } from "node:child_process";
import { mkdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { nextAfter, type StreamItem } from "@outrider/console-link/console-stream";
import { systemClock } from "@outrider/contracts/clock";
import { silentLog } from "@outrider/messaging/log";
import { eventually } from "@outrider/testing/eventually";
import { requireMount } from "@outrider/testing/peers";
import { tempDir, type TempDir } from "@outrider/testing/temp-dir";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { logWith } from "../log.js";
import { Gatherer } from "./gather.js";
import { Spool } from "./spool.js";
import { UNWRITTEN_BYTES } from "./spool-writer.js";

async function start(directory: string): Promise<Spool> {
  return Spool.open({
    directory,
    limitBytes: 16_777_216,
    gatherer: new Gatherer(systemClock),
    clock: systemClock,
    nowMicros: () => Date.now() * 1000,
    log: logWith(silentLog, {}),
    aliveMicros: undefined,
  });
}

async function all(spool: Spool, from = 0): Promise<StreamItem[]> {
  const items: StreamItem[] = [];
  for (let at = from; ;) {
    const more = await spool.read(at, 16_384);
    const last = more.at(-1);
    if (!last) return items;
    items.push(...more);
    at = nextAfter(last);
  }
}
const sizeOf = (items: readonly StreamItem[]): number =>
  items.reduce((sum, item) => sum + (item.kind === "bytes" ? item.bytes.length : 0), 0);
const gapsOf = (items: readonly StreamItem[]) => items.filter((item) => item.kind === "gap");

/** Says so much, in pieces of which each is told from any other, and waits until the last was gathered. */
async function say(spool: Spool, bytes: number): Promise<void> {
  const end = spool.next + bytes;
  for (let at = 0; at < bytes; at += 10_000) {
    spool.append(Buffer.alloc(10_000, at / 10_000));
    if (at % 200_000 === 0) await new Promise((resolve) => setImmediate(resolve));
  }
  await eventually("all is gathered", () => spool.next === end);
}

describe.runIf(requireMount())("a disk that is full (P12)", () => {
  let directory: TempDir;
  let disk: string;

  beforeEach(async () => {
    directory = await tempDir();
    disk = join(directory.path, "disk");
    await mkdir(disk);
    execFileSync("mount", ["-t", "tmpfs", "-o", "size=1m", "tmpfs", disk]);
  });
  afterEach(async () => {
    execFileSync("umount", [disk]);
    await directory.remove();
  });

  test("holds up no console; what memory holds is kept, and is written once there is room", async () => {
    await using spool = await start(join(disk, "n1.console"));
    await writeFile(join(disk, "ballast"), Buffer.alloc(700_000));
    await say(spool, 2_000_000);
    await eventually("it is said", () => spool.problem?.includes("is full"));
    await say(spool, 100_000);
    const items = await all(spool);
    expect(sizeOf(items)).toBe(2_100_000);
    expect(gapsOf(items)).toEqual([]);
    await rm(join(disk, "ballast"));
    execFileSync("mount", ["-o", "remount,size=8m", disk]);
    await eventually("it recovers", () => spool.problem === undefined);
    expect(sizeOf(await all(spool))).toBe(2_100_000);
  });

  test("what memory does not hold is a gap that says how much, and survives a restart", async () => {
    const spool = await start(join(disk, "n1.console"));
    const said = UNWRITTEN_BYTES + 3_000_000;
    for (let bytes = 0; bytes < said; bytes += 500_000) await say(spool, 500_000);
    await eventually("it is said", () => spool.problem);
    const total = spool.next;
    const items = await all(spool);
    const [gap, ...more] = gapsOf(items);
    expect(more).toEqual([]);
    expect(gap).toMatchObject({ reason: "spool-failed", lost: total - sizeOf(items) });
    expect(sizeOf(items)).toBeGreaterThan(UNWRITTEN_BYTES / 2);
    execFileSync("mount", ["-o", "remount,size=32m", disk]);
    await eventually("it recovers", () => spool.problem === undefined);
    await spool[Symbol.asyncDispose]();
    await using again = await start(join(disk, "n1.console"));
    const later = await all(again);
    expect(gapsOf(later)).toMatchObject([gap, { reason: "agent-down" }]);
    expect(sizeOf(later)).toBe(sizeOf(items));
  });

  test("as long as the service takes everything, nothing is lost however long it lasts", async () => {
    await writeFile(join(disk, "ballast"), Buffer.alloc(1_000_000));
    await using spool = await start(join(disk, "n1.console"));
    let taken = 0;
    let from = 0;
    for (let round = 0; round < 40; round++) {
      await say(spool, 300_000);
      for (const item of await all(spool, from)) {
        expect(item.kind).toBe("bytes");
        taken += sizeOf([item]);
        from = nextAfter(item);
      }
      spool.acknowledge(from);
    }
    await say(spool, 10_000);
    expect(taken + sizeOf(await all(spool, from))).toBe(40 * 300_000 + 10_000);
    expect(spool.problem).toBeDefined();
  });
});

test("a place that cannot be written is said, and the console goes on in memory (P12)", async () => {
  await using directory = await tempDir();
  const place = join(directory.path, "console");
  await writeFile(place, "a file where the directory should be");
  await using spool = await start(join(place, "n1.console"));
  expect(spool.problem).toContain("cannot be written");
  await say(spool, 50_000);
  expect(sizeOf(await all(spool))).toBe(50_000);
  await rm(place);
  await eventually("it recovers", () => spool.problem === undefined);
  expect(sizeOf(await all(spool))).toBe(50_000);
});
