import { spawn, type ChildProcess } from "node:child_process";
import { createInterface } from "node:readline";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { NodeLog } from "./node-log.js";
import { knownBytes } from "../testing/known-bytes.js";
import { Feeder, LogFixture, NODE, WIDE, itemsOf, joined } from "../testing/log-fixture.js";

const WRITER = new URL("../testing/log-writer.js", import.meta.url).pathname;

let fixture: LogFixture;
beforeEach(async () => {
  fixture = await LogFixture.make();
});
afterEach(() => fixture[Symbol.asyncDispose]());

/** Runs the writer until it has acknowledged something, goes on for a moment, and kills it. @returns what it had acknowledged */
async function writeAndKill(acknowledged: number, moreLines: number): Promise<number> {
  const child: ChildProcess = spawn(
    process.execPath,
    [WRITER, fixture.directory, String(acknowledged)],
    {
      stdio: ["pipe", "pipe", "inherit"],
    },
  );
  let stored = acknowledged;
  let left = moreLines;
  for await (const line of createInterface({ input: child.stdout as NodeJS.ReadableStream })) {
    const [word, offset] = line.split(" ");
    if (word === "opened") expect(Number(offset)).toBeGreaterThanOrEqual(acknowledged);
    else stored = Number(offset);
    if (word === "stored" && --left <= 0) break;
  }
  child.kill("SIGKILL");
  await new Promise((resolve) => child.once("close", resolve));
  return stored;
}

describe("a segment that is closed while it is being written", () => {
  it("is not acknowledged before all of it can be read by another process (P8)", async () => {
    const logs = await fixture.open();
    const bounds = { ...WIDE, maxBytes: 131_072 };
    const log = (await logs.open(NODE, bounds)) as NodeLog;
    const feeder = new Feeder(log);
    feeder.feed("the first line\n");
    const syncing = log.disk.sync();
    const line = `${"x".repeat(16_384)}\n`;
    feeder.feed(line);
    feeder.feed(line);
    expect(log.raws.length).toBe(2);
    await syncing;
    const killed = await fixture.open({ directory: await fixture.copy() });
    const found = await killed.open(NODE, bounds);
    expect(log.stored?.offset).toBeGreaterThan(0);
    expect(found.next).toBeGreaterThanOrEqual(log.stored?.offset ?? 0);
    await logs.flush();
    expect(log.stored?.offset).toBe(feeder.offset);
  });
});

describe("a process that is killed while it writes", () => {
  it("leaves every byte once, and all that it acknowledged (P8)", async () => {
    let acknowledged = 0;
    for (let round = 0; round < 6; round++) {
      acknowledged = await writeAndKill(acknowledged, 1 + (round % 2));
      const logs = await fixture.open();
      const log = await logs.open(NODE, { ...WIDE, maxAgeMs: 1e12 });
      expect(log.lostBytes).toBe(0);
      expect(log.next).toBeGreaterThanOrEqual(acknowledged);
      expect(log.source).toEqual({ stream: "s", offset: log.next });
      const items = await itemsOf(log);
      expect(items.every((item) => item.kind === "bytes")).toBe(true);
      expect(joined(items).equals(knownBytes(0, log.next))).toBe(true);
      for (const item of items.slice(-100)) {
        expect(item.kind === "bytes" && item.atMicros).toBeLessThanOrEqual(
          1_700_000_000_000_000 + item.position,
        );
      }
      await fixture.close(logs);
    }
    expect(acknowledged).toBeGreaterThan(1_000_000);
  });
});
