import { open, readFile, readdir, truncate, unlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import * as fc from "fast-check";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { knownBytes } from "../testing/known-bytes.js";
import {
  Feeder,
  LogFixture,
  NODE,
  START_MICROS,
  WIDE,
  itemsOf,
  joined,
} from "../testing/log-fixture.js";
import type { LogItem } from "./log-format.js";

let fixture: LogFixture;
beforeEach(async () => {
  fixture = await LogFixture.make();
});
afterEach(() => fixture[Symbol.asyncDispose]());

const files = async (kind: string): Promise<string[]> => {
  const directory = join(fixture.directory, NODE);
  const names = (await readdir(directory)).toSorted();
  return names.filter((name) => name.endsWith(kind)).map((name) => join(directory, name));
};

/** Every byte is where it was, and what is missing is a gap that says how much. */
function expectExactBut(items: readonly LogItem[], reason: string): number {
  let at = 0;
  let lost = 0;
  for (const item of items) {
    if (item.kind === "gap") {
      expect(item.reason).toBe(reason);
      lost += item.lost ?? 0;
      at += item.lost ?? 0;
    } else if (item.kind === "bytes") {
      expect(item.bytes.equals(knownBytes(at, item.bytes.length))).toBe(true);
      at += item.bytes.length;
    }
  }
  return lost;
}

describe("a log whose files are damaged", () => {
  it("takes up where what is whole ends, and the source fills the rest", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.integer({ min: 1, max: 300 }), { minLength: 1, maxLength: 12 }),
        fc.constantFrom("bytes", "index"),
        fc.constantFrom("cut", "zeros", "flip", "more"),
        fc.double({ min: 0, max: 1, noNaN: true }),
        async (lengths, kind, how, where) => {
          await using own = await LogFixture.make();
          let logs = await own.open();
          let log = await logs.open(NODE, WIDE);
          const feeder = new Feeder(log);
          let total = 0;
          for (const length of lengths) {
            feeder.feed(knownBytes(feeder.offset, length));
            total += length;
            // Written without being synced, in groups of its own: a power loss may take any of it.
            await writeOnly(log);
          }
          const directory = join(own.directory, NODE);
          await own.close(logs);
          const path = join(directory, `0000000000000000.${kind}`);
          await damage(path, how, where);

          logs = await own.open();
          log = await logs.open(NODE, WIDE);
          const resumed = log.source?.offset ?? 0;
          const recovered = await itemsOf(log);
          const lost = expectExactBut(recovered, "log-lost");
          expect(resumed).toBe(joined(recovered).length + lost);
          log.take("s", [
            {
              kind: "bytes",
              offset: resumed,
              atMicros: START_MICROS,
              bytes: knownBytes(resumed, total - resumed),
            },
          ]);
          await own.close(logs);
          logs = await own.open();
          const again = await itemsOf(await logs.open(NODE, WIDE));
          expect(joined(again).length + lost).toBe(total);
          expectExactBut(again, "log-lost");
        },
      ),
      { numRuns: 60 },
    );
  });

  it("counts bytes that had been safe and are gone", async () => {
    let logs = await fixture.open();
    const feeder = new Feeder(await logs.open(NODE, WIDE));
    for (let round = 0; round < 3; round++) {
      feeder.feed(knownBytes(feeder.offset, 1000));
      await logs.flush();
    }
    await fixture.close(logs);
    const [path = ""] = await files(".bytes");
    const file = await open(path, "r+");
    await file.write(Buffer.from([0]), 0, 1, 1500);
    await file.close();
    logs = await fixture.open();
    const log = await logs.open(NODE, WIDE);
    // The second thousand had been synced when the third was written; the third had not yet said so of itself.
    expect(await itemsOf(log)).toMatchObject([
      { kind: "bytes" },
      { kind: "gap", position: 1000, lost: 1000, reason: "log-lost" },
    ]);
    expect(log.source).toEqual({ stream: "s", offset: 2000 });
    expect(log.lostBytes).toBe(1000);
    expect(fixture.reports.join()).toMatch(/1000 bytes at 1000 are gone and marked/);
  });

  it("shows what a sealed file has lost as gaps, exactly", async () => {
    let logs = await fixture.open();
    const feeder = new Feeder(await logs.open(NODE, { ...WIDE, maxBytes: 2 ** 20 }));
    for (let round = 0; round < 400; round++) feeder.feed(knownBytes(feeder.offset, 1000));
    await logs.settle();
    await fixture.close(logs);
    const sealed = await files(".zst");
    expect(sealed.length).toBeGreaterThanOrEqual(3);
    // One block is unreadable, one directory is, one file is gone: each costs its own bytes only.
    await damage(sealed[0] as string, "flip", 0.2);
    const middle = await readFile(sealed[1] as string);
    await writeFile(sealed[1] as string, middle.subarray(0, -3));
    logs = await fixture.open();
    let items = await itemsOf(await logs.open(NODE, WIDE));
    let lost = expectExactBut(items, "log-lost");
    expect(lost).toBeGreaterThan(0);
    expect(joined(items).length + lost).toBe(400_000);
    expect(fixture.reports.join()).toMatch(/is damaged. It was put aside/);
    await fixture.close(logs);
    await unlink(sealed[2] as string);
    logs = await fixture.open();
    items = await itemsOf(await logs.open(NODE, WIDE));
    lost = expectExactBut(items, "log-lost");
    expect(joined(items).length + lost).toBe(400_000);
  });

  it("goes on past a file that somebody deletes while it is open", async () => {
    const logs = await fixture.open();
    const log = await logs.open(NODE, { ...WIDE, maxBytes: 2 ** 20 });
    const feeder = new Feeder(log);
    for (let round = 0; round < 400; round++) feeder.feed(knownBytes(feeder.offset, 1000));
    await logs.settle();
    await unlink((await files(".zst"))[1] as string);
    const items = await itemsOf(log);
    const lost = expectExactBut(items, "log-lost");
    expect(lost).toBeGreaterThan(100_000);
    expect(joined(items).length + lost).toBe(400_000);
    expect(await log.locate({ line: Math.floor(log.line / 3) })).toBeGreaterThanOrEqual(0);
  });

  it("lets readers end when it is closed", async () => {
    const logs = await fixture.open();
    const log = await logs.open(NODE, WIDE);
    const feeder = new Feeder(log);
    for (let round = 0; round < 200; round++) feeder.feed(knownBytes(feeder.offset, 1000));
    await logs.flush();
    let read = 0;
    for await (const _ of log.read({ from: { position: 0 } })) {
      if (read++ === 0) await fixture.close(logs);
    }
    expect(read).toBeGreaterThan(0);
  });

  it("begins anew where nothing of it can be read", async () => {
    let logs = await fixture.open();
    new Feeder(await logs.open(NODE, WIDE)).feed("hello");
    await fixture.close(logs);
    for (const path of await files("")) await truncate(path, 2);
    logs = await fixture.open();
    const log = await logs.open(NODE, WIDE);
    expect(log).toMatchObject({ next: 0, source: undefined });
    new Feeder(log).feed("again");
    await logs.flush();
    expect(log.stored).toEqual({ stream: "s", offset: 5 });
  });
});

/** Lets a log write what it has, without a sync. */
async function writeOnly(log: unknown): Promise<void> {
  await (log as { disk: { write(urgent: boolean): Promise<void> } }).disk.write(true);
}

async function damage(path: string, how: string, where: number): Promise<void> {
  const bytes = await readFile(path);
  const at = Math.min(Math.floor(where * bytes.length), bytes.length - 1);
  if (how === "cut") await writeFile(path, bytes.subarray(0, at));
  else if (how === "zeros") await writeFile(path, bytes.fill(0, at));
  else if (how === "more") await writeFile(path, Buffer.concat([bytes, Buffer.alloc(at, "x")]));
  else {
    bytes[at] = (bytes[at] ?? 0) ^ 0x55;
    await writeFile(path, bytes);
  }
}
