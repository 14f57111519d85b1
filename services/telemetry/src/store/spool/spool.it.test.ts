import { appendFile, open, readdir, readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { tempDir, type TempDir } from "@outrider/testing/temp-dir";
import { afterEach, beforeEach, expect, it } from "vitest";
import { QUIET } from "../testing/quiet.js";
import type { SpoolRecord } from "./record.js";
import { Spool, type Batch } from "./spool.js";

const MIB = 1024 * 1024;

let directory: TempDir;
let spools: Spool[];
beforeEach(async () => {
  directory = await tempDir("spool-");
  spools = [];
});
afterEach(async () => {
  for (const spool of spools) await spool.close().catch(() => undefined);
  await directory.remove();
});

async function opened(limits: { bytes?: number; drop?: boolean } = {}): Promise<Spool> {
  const spool = await Spool.open({
    directory: directory.path,
    maximumBytes: limits.bytes ?? 100 * MIB,
    whenFull: limits.drop ? "drop-oldest" : "refuse",
    log: QUIET,
  });
  spools.push(spool);
  return spool;
}

function record(number: number, bytes = 10): SpoolRecord {
  const payload = new Uint8Array(bytes).fill(number % 256);
  return { payload, points: 1, minutes: Uint32Array.of(number), hasTexts: number % 2 === 1 };
}

const numbersOf = ({ records }: Batch): number[] => records.map(({ minutes }) => minutes[0] ?? -1);

async function drain(spool: Spool): Promise<number[]> {
  const numbers: number[] = [];
  for (let batch = await spool.next(7); batch; batch = await spool.next(7)) {
    numbers.push(...numbersOf(batch));
    await spool.delivered(batch);
  }
  return numbers;
}

const upTo = (end: number, from = 0): number[] =>
  Array.from({ length: end - from }, (_, index) => from + index);

it("gives back what it was given, in order, and is empty then", async () => {
  const spool = await opened();
  for (const number of upTo(50)) await spool.append(record(number));
  expect(spool.points).toBe(50);
  const batch = await spool.next(10);
  expect(batch?.records[3]).toEqual(record(3));
  expect(await drain(spool)).toEqual(upTo(50));
  expect(spool.points).toBe(0);
  await spool.append(record(50));
  expect(await drain(spool)).toEqual([50]);
});

it("goes on in the middle after the process was killed", async () => {
  const before = await opened();
  for (const number of upTo(20)) await before.append(record(number));
  const batch = await before.next(5);
  if (batch) await before.delivered(batch);
  // Nothing is closed.
  const after = await opened();
  expect(after.points).toBe(15);
  await after.append(record(20));
  expect(await drain(after)).toEqual(upTo(21, 5));
  expect((await opened()).points).toBe(0);
});

it("looks ahead without letting go of what may still be lost", async () => {
  const spool = await opened();
  for (const number of upTo(30)) await spool.append(record(number, MIB));
  const first = await spool.next(4);
  const seen = first ? numbersOf(first) : [];
  for (let batch = first; batch;) {
    batch = await spool.next(4, batch.end);
    if (batch) seen.push(...numbersOf(batch));
  }
  expect(seen).toEqual(upTo(30));
  expect(spool.points).toBe(30);
  expect(await drain(spool)).toEqual(upTo(30));
});

it("leaves out what a crash left half written, and nothing else", async () => {
  const before = await opened();
  for (const number of upTo(5)) await before.append(record(number));
  const [name = ""] = (await readdir(directory.path)).filter((one) => one.endsWith(".seg"));
  const path = join(directory.path, name);
  const bytes = await readFile(path);
  await appendFile(path, bytes.subarray(0, 33));
  const after = await opened();
  await after.append(record(5));
  expect(await drain(after)).toEqual(upTo(6));
  expect(after.dropped).toBe(0);
});

it("leaves out what the disk has changed, and counts it once", async () => {
  const before = await opened();
  for (const number of upTo(5)) await before.append(record(number, 100));
  const [name = ""] = (await readdir(directory.path)).filter((one) => one.endsWith(".seg"));
  const path = join(directory.path, name);
  const { size } = await stat(path);
  const file = await open(path, "r+");
  await file.write("xx", Math.floor((size / 5) * 2.5));
  await file.close();
  const after = await opened();
  await after.next(100);
  expect(await drain(after)).toEqual([0, 1, 3, 4]);
  expect(after.dropped).toBe(1);
});

it("takes a position that makes no sense for none", async () => {
  const before = await opened();
  for (const number of upTo(5)) await before.append(record(number));
  await writeFile(join(directory.path, "position"), "999 0 123\n");
  expect(await drain(await opened())).toEqual(upTo(5));
});

it("refuses beyond its bound, and takes again when there is room", async () => {
  const spool = await opened({ bytes: 20 * MIB });
  let number = 0;
  const fill = async (): Promise<unknown> => {
    for (;;) {
      const error = await spool.append(record(number, MIB)).catch((one: unknown) => one);
      if (error) return error;
      number += 1;
    }
  };
  expect(await fill()).toMatchObject({
    code: "full",
    message: expect.stringMatching(/Bring it back/),
  });
  expect(number).toBe(19);
  expect(await drain(spool)).toEqual(upTo(19));
  expect(await fill()).toMatchObject({ code: "full" });
  expect(number).toBe(38);
  expect(await drain(spool)).toEqual(upTo(38, 19));
  expect(spool.dropped).toBe(0);
});

it("drops the oldest beyond its bound where it is told to, and counts them", async () => {
  const spool = await opened({ bytes: 20 * MIB, drop: true });
  for (const number of upTo(60)) await spool.append(record(number, MIB));
  expect(spool.bytes).toBeLessThanOrEqual(20 * MIB);
  const left = await drain(spool);
  expect(left).toEqual(upTo(60, 60 - left.length));
  expect(left.length).toBeGreaterThan(10);
  expect(spool.dropped).toBe(60 - left.length);
});
