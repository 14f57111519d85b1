import { appendFile, open as openFile, readdir, stat, truncate } from "node:fs/promises";
import { join } from "node:path";
import { systemClock } from "@outrider/contracts/clock";
import { nextAfter, type StreamItem } from "@outrider/console-link/console-stream";
import { eventually } from "@outrider/testing/eventually";
import { tempDir, type TempDir } from "@outrider/testing/temp-dir";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { silentLog } from "@outrider/messaging/log";
import { logWith } from "../log.js";
import { Gatherer } from "./gather.js";
import { Spool } from "./spool.js";

let directory: TempDir;
let nowMicros: number;
let open: Spool[];

beforeEach(async () => {
  directory = await tempDir();
  nowMicros = 1_800_000_000_000_000;
  open = [];
});
afterEach(async () => {
  for (const spool of open) await spool[Symbol.asyncDispose]();
  await directory.remove();
});

const path = (): string => join(directory.path, "n1.console");

async function start(options: { limitBytes?: number; aliveMicros?: number } = {}): Promise<Spool> {
  const spool = await Spool.open({
    directory: path(),
    limitBytes: options.limitBytes ?? 67_108_864,
    gatherer: new Gatherer(systemClock),
    clock: systemClock,
    nowMicros: () => ++nowMicros,
    log: logWith(silentLog, {}),
    aliveMicros: options.aliveMicros,
  });
  open.push(spool);
  return spool;
}

/** Everything from a number on. */
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
const bytesOf = (items: readonly StreamItem[]): Buffer =>
  Buffer.concat(items.flatMap((item) => (item.kind === "bytes" ? [item.bytes] : [])));
const gapsOf = (items: readonly StreamItem[]) => items.filter((item) => item.kind === "gap");
const segments = async (): Promise<string[]> =>
  (await readdir(path()).catch(() => [])).filter((name) => name.endsWith(".spool"));
const sizeOnDisk = async (): Promise<number> => {
  const sizes = (await segments()).map(async (name) => (await stat(join(path(), name))).size);
  return (await Promise.all(sizes)).reduce((a, b) => a + b, 0);
};

/** A flood that can be told byte by byte. */
function flood(bytes: number, seed = 1): Buffer {
  const made = Buffer.allocUnsafe(bytes);
  let state = seed;
  for (let at = 0; at < bytes; at++) {
    state = (state * 1_103_515_245 + 12_345) & 0x7fff_ffff;
    made[at] = state >>> 16;
  }
  return made;
}

test("what was appended is read at once, and after a stop from disk, with the time nobody read (P8)", async () => {
  const spool = await start();
  spool.append(Buffer.from("hello "));
  spool.append(Buffer.from("world"));
  spool.break();
  spool.gap({ lost: 7, reason: "overrun", fromMicros: 5 });
  const before = await all(spool);
  expect(before.map((item) => item.kind)).toEqual(["bytes", "bytes", "break", "gap"]);
  await spool[Symbol.asyncDispose]();
  const again = await start();
  expect(again.stream).toBe(spool.stream);
  const after = await all(again);
  expect(after.slice(0, 4)).toEqual(
    before.map((item) =>
      item.kind === "bytes" ? { ...item, bytes: Buffer.from(item.bytes) } : item,
    ),
  );
  expect(after.slice(4)).toMatchObject([{ kind: "gap", lost: undefined, reason: "agent-down" }]);
  expect(again.began).toBe(again.next);
});

test("the gap of a start begins with the agent's last sign of life", async () => {
  const spool = await start();
  spool.append(Buffer.from("x"));
  await eventually("written", () => sizeOnDisk());
  const aliveMicros = nowMicros + 1_000_000;
  nowMicros += 10_000_000;
  const again = await start({ aliveMicros });
  const [gap] = gapsOf(await all(again));
  expect(gap).toMatchObject({ fromMicros: aliveMicros, toMicros: nowMicros });
});

test("a tail that a crash tore is cut, and goes on behind it (P8)", async () => {
  const spool = await start();
  const sent = flood(300_000);
  spool.append(sent);
  await spool[Symbol.asyncDispose]();
  const [name] = await segments();
  const file = join(path(), name ?? "");
  await truncate(file, 150_000);
  await appendFile(file, Buffer.alloc(5000, 0xee));
  const again = await start();
  again.append(Buffer.from("after"));
  const items = await all(again);
  const bytes = bytesOf(items);
  const whole = bytes.length - 5;
  expect(bytes.subarray(0, whole).equals(sent.subarray(0, whole))).toBe(true);
  expect(bytes.subarray(whole).toString()).toBe("after");
  expect(gapsOf(items)).toMatchObject([{ reason: "agent-down", lost: undefined }]);
});

describe("bounds", () => {
  const LIMIT = 1_048_576;

  test("beyond its bound the oldest goes, and the gap says how much exactly (P8, P12)", async () => {
    const spool = await start({ limitBytes: LIMIT });
    const sent = flood(3_000_000);
    for (let at = 0; at < sent.length; at += 10_000) {
      spool.append(sent.subarray(at, at + 10_000));
      if (at % 500_000 === 0) await eventually("written", async () => (await sizeOnDisk()) > 0);
      await new Promise((resolve) => setImmediate(resolve));
    }
    await spool[Symbol.asyncDispose]();
    expect(await sizeOnDisk()).toBeLessThanOrEqual(LIMIT * 1.1);
    const again = await start({ limitBytes: LIMIT });
    for (const from of [0, 123_456]) {
      const items = await all(again, from);
      const [lost] = gapsOf(items);
      const bytes = bytesOf(items);
      expect(lost).toMatchObject({
        reason: "spool-overflow",
        lost: sent.length - from - bytes.length,
      });
      expect(bytes.equals(sent.subarray(sent.length - bytes.length))).toBe(true);
      expect(bytes.length).toBeGreaterThan(LIMIT / 2);
    }
  });

  test("what the service has stored is deleted, and numbering goes on", async () => {
    const spool = await start({ limitBytes: LIMIT });
    const sent = flood(800_000);
    for (let at = 0; at < sent.length; at += 10_000) {
      spool.append(sent.subarray(at, at + 10_000));
      await new Promise((resolve) => setImmediate(resolve));
    }
    await eventually("all on disk", async () => (await sizeOnDisk()) > 800_000);
    spool.acknowledge(700_000);
    await eventually("room", async () => (await sizeOnDisk()) < 200_000);
    expect(bytesOf(await all(spool, 700_000)).equals(sent.subarray(700_000))).toBe(true);
    spool.acknowledge(spool.next);
    await spool[Symbol.asyncDispose]();
    const again = await start({ limitBytes: LIMIT });
    expect(again.stream).toBe(spool.stream);
    expect(again.next).toBeGreaterThan(800_000);
    expect(gapsOf(await all(again, 800_000))).toMatchObject([{ reason: "agent-down" }]);
  });

  test("a service that lost what it had is told that something is missing", async () => {
    const spool = await start({ limitBytes: LIMIT });
    for (let at = 0; at < 800_000; at += 10_000) {
      spool.append(Buffer.alloc(10_000));
      await new Promise((resolve) => setImmediate(resolve));
    }
    await eventually("all on disk", async () => (await sizeOnDisk()) > 800_000);
    spool.acknowledge(800_000);
    await eventually("room", async () => (await sizeOnDisk()) < 200_000);
    const [first] = await all(spool, 1000);
    expect(first).toMatchObject({ kind: "gap", lost: undefined });
  });
});

test("readers that meet on disk do not take each other's items", async () => {
  const spool = await start();
  const sent = flood(900_000);
  for (let at = 0; at < sent.length; at += 10_000) spool.append(sent.subarray(at, at + 10_000));
  await spool[Symbol.asyncDispose]();
  const again = await start();
  const both = await Promise.all([all(again), all(again, 5), all(again, 400_000)]);
  const [first, second, third] = both.map((items) => bytesOf(items));
  expect(first?.equals(sent)).toBe(true);
  expect(second?.equals(sent.subarray(5))).toBe(true);
  expect(third?.equals(sent.subarray(400_000))).toBe(true);
});

test("a service that has more than the spool ever had is not given its numbers again", async () => {
  const spool = await start();
  spool.append(Buffer.from("used before"));
  const ahead = spool.next + 1_000_000;
  spool.skipTo(ahead);
  spool.append(Buffer.from("new"));
  spool.break();
  expect(await all(spool, ahead)).toMatchObject([
    { kind: "gap", lost: undefined },
    { kind: "bytes", bytes: Buffer.from("new") },
    { kind: "break" },
  ]);
});

test("damage in the file that is being written costs what is not in memory, and nothing that comes later", async () => {
  const spool = await start();
  const sent = flood(800_000);
  for (let at = 0; at < sent.length; at += 10_000) {
    spool.append(sent.subarray(at, at + 10_000));
    await new Promise((resolve) => setImmediate(resolve));
  }
  await eventually("all on disk", async () => (await sizeOnDisk()) > 800_000);
  const [name] = await segments();
  await using file = await openFile(join(path(), name ?? ""), "r+");
  await file.write(Buffer.alloc(100), 0, 100, 100_000);
  const [lost, ...more] = gapsOf(await all(spool));
  expect(lost).toMatchObject({ reason: "spool-failed", lost: undefined });
  expect(more).toEqual([]);
  const { offset = 0 } = lost ?? {};
  expect(offset).toBeLessThan(450_000);
  expect(bytesOf(await all(spool, offset)).equals(sent.subarray(offset))).toBe(true);
  spool.append(Buffer.from("later"));
  await spool[Symbol.asyncDispose]();
  const again = await start();
  expect(
    bytesOf(await all(again))
      .subarray(-5)
      .toString(),
  ).toBe("later");
});

test("damage in the middle of a file costs that file's rest, and is marked (P8)", async () => {
  const spool = await start({ limitBytes: 1_048_576 });
  const sent = flood(600_000);
  for (let at = 0; at < sent.length; at += 10_000) {
    spool.append(sent.subarray(at, at + 10_000));
    await new Promise((resolve) => setImmediate(resolve));
  }
  await spool[Symbol.asyncDispose]();
  const names = (await segments()).toSorted();
  expect(names.length).toBeGreaterThan(4);
  await truncate(join(path(), names[2] ?? ""), 30_000);
  const again = await start({ limitBytes: 1_048_576 });
  const items = await all(again);
  expect(gapsOf(items)).toMatchObject([
    { reason: "spool-failed", lost: undefined },
    { reason: "agent-down" },
  ]);
  let next = 0;
  for (const item of items) {
    if (item.kind === "bytes") {
      expect(item.offset).toBe(next);
      const { bytes, offset } = item;
      expect(sent.subarray(offset, offset + bytes.length).equals(Buffer.from(bytes))).toBe(true);
    }
    next = nextAfter(item);
  }
});
