import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { execFileSync } from "node:child_process";
import * as fc from "fast-check";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { NodeId } from "@outrider/contracts/ids";
import type { StreamItem } from "@outrider/console-link/console-stream";
import { VirtualClock } from "@outrider/testing/virtual-clock";
import type { ConsoleLog, ConsoleLogs, LogBounds } from "./console-log.js";
import { openConsoleLogs } from "./console-logs.js";
import type { LogItem, LogRange } from "./log-format.js";

const NODE = "n1" as NodeId;
const WIDE: LogBounds = { maxBytes: 2 ** 30, maxAgeMs: 90 * 86_400_000 };
const START_MICROS = Date.parse("2026-01-01T00:00:00Z") * 1000;

let directory: string;
let clock: VirtualClock;
let opened: ConsoleLogs[];

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "console-log-"));
  clock = new VirtualClock();
  opened = [];
});
afterEach(async () => {
  for (const logs of opened) await logs[Symbol.asyncDispose]();
  await rm(directory, { recursive: true, force: true });
});

async function open(): Promise<ConsoleLogs & { settle(): Promise<void> }> {
  const logs = await openConsoleLogs({ directory, clock, keepFreeBytes: 0 });
  opened.push(logs);
  return logs as ConsoleLogs & { settle(): Promise<void> };
}

async function close(logs: ConsoleLogs): Promise<void> {
  opened = opened.filter((other) => other !== logs);
  await logs[Symbol.asyncDispose]();
}

const bytes = (offset: number, atMicros: number, content: string | Buffer): StreamItem => ({
  kind: "bytes",
  offset,
  atMicros,
  bytes: Buffer.from(content as string),
});

async function all(
  log: ConsoleLog,
  range: LogRange = { from: { position: 0 } },
): Promise<LogItem[]> {
  const items: LogItem[] = [];
  for await (const item of log.read(range)) items.push(item);
  return items;
}

async function text(log: ConsoleLog, range?: LogRange): Promise<string> {
  let read = "";
  for (const item of await all(log, range)) {
    if (item.kind === "bytes") read += item.bytes.toString("latin1");
  }
  return read;
}

describe("a console's log", () => {
  it("shows what was taken at once, and again after it was opened anew", async () => {
    const logs = await open();
    const log = await logs.open(NODE, WIDE);
    const taken = log.take("s1", [
      bytes(0, START_MICROS, "U-Boot\r\n"),
      bytes(8, START_MICROS + 5, "login: "),
    ]);
    expect(taken).toMatchObject([{ position: 0 }, { position: 8 }]);
    expect(await all(log)).toEqual(taken);
    expect(log.stored).toBeUndefined();
    await logs.flush();
    expect(log.stored).toEqual({ stream: "s1", offset: 15 });
    await close(logs);
    const again = await (await open()).open(NODE, WIDE);
    expect(await all(again)).toEqual(taken);
    expect(again.source).toEqual({ stream: "s1", offset: 15 });
    expect(again).toMatchObject({ next: 15, line: 2, lastMicros: START_MICROS + 5 });
  });

  it("takes nothing twice, whatever a source repeats", async () => {
    const logs = await open();
    const log = await logs.open(NODE, WIDE);
    const gap: StreamItem = {
      kind: "gap",
      offset: 5,
      lost: undefined,
      reason: "agent-down",
      fromMicros: START_MICROS,
      toMicros: START_MICROS + 9,
    };
    const pause: StreamItem = { kind: "break", offset: 5, atMicros: START_MICROS + 10 };
    log.take("s1", [bytes(0, START_MICROS, "hello"), gap, pause], 2_000_000);
    expect(log.take("s1", [bytes(3, START_MICROS, "lo"), gap, pause], 2_000_000)).toEqual([]);
    expect(log.take("s1", [bytes(3, START_MICROS, "lo!"), gap], 2_000_000)).toMatchObject([
      { kind: "bytes", position: 5, bytes: Buffer.from("!") },
    ]);
    await close(logs);
    const again = await (await open()).open(NODE, WIDE);
    expect(again.take("s1", [bytes(4, START_MICROS, "o!")])).toEqual([]);
    expect((await all(again)).map((item) => item.kind)).toEqual(["bytes", "gap", "mark", "bytes"]);
  });

  it("equals what was appended after it was rotated, sealed, reopened and read from anywhere", async () => {
    const piece = fc.oneof(
      { weight: 5, arbitrary: fc.string({ maxLength: 60 }).map((line) => `${line}\r\n`) },
      {
        weight: 1,
        arbitrary: fc.uint8Array({ maxLength: 400 }).map((array) => Buffer.from(array)),
      },
      { weight: 1, arbitrary: fc.integer({ min: 1, max: 40 }).map((kilobytes) => kilobytes) },
    );
    const step = fc.oneof(
      { weight: 10, arbitrary: fc.record({ kind: fc.constant("append" as const), piece }) },
      { weight: 1, arbitrary: fc.record({ kind: fc.constant("mark" as const) }) },
      { weight: 1, arbitrary: fc.record({ kind: fc.constant("settle" as const) }) },
      { weight: 1, arbitrary: fc.record({ kind: fc.constant("reopen" as const) }) },
    );
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 60 }), fc.nat(), async (steps, place) => {
        await rm(directory, { recursive: true, force: true });
        let logs = await open();
        // Bounds that small make segments of sixteen kilobytes.
        const bounds = { ...WIDE, maxBytes: 65_536 * 2 };
        let log = await logs.open(NODE, { ...bounds });
        let model = Buffer.alloc(0);
        let micros = START_MICROS;
        const times: { position: number; micros: number }[] = [];
        const marks: number[] = [];
        for (const [index, { kind, ...rest }] of steps.entries()) {
          micros += 1000;
          if (kind === "append") {
            const { piece: given } = rest as { piece: string | Buffer | number };
            const data =
              typeof given === "number" ? Buffer.alloc(given * 1024, "x") : Buffer.from(given);
            if (data.length === 0) continue;
            log.take("s", [bytes(model.length, micros, data)]);
            times.push({ position: model.length, micros });
            model = Buffer.concat([model, data]);
          } else if (kind === "mark") {
            log.mark(`mark ${index}`, micros);
            marks.push(model.length);
          } else if (kind === "settle") await logs.settle();
          else {
            await close(logs);
            logs = await open();
            log = await logs.open(NODE, bounds);
          }
        }
        await logs.settle();
        const items = await all(log);
        const first = log.first;
        const kept = Buffer.concat(
          items.map((item) => (item.kind === "bytes" ? item.bytes : Buffer.alloc(0))),
        );
        expect(kept.equals(model.subarray(first))).toBe(true);
        expect(items.filter((item) => item.kind === "gap")).toEqual([]);
        const placed = items.filter((item) => item.kind === "mark").map((item) => item.position);
        expect(placed.filter((at) => at > first)).toEqual(marks.filter((at) => at > first));
        expect(log.line).toBe(model.toString("latin1").split("\n").length);
        const position = first + (place % Math.max(1, model.length - first + 1));
        expect(await text(log, { from: { position } })).toBe(model.toString("latin1", position));
        for (const time of times.filter((candidate) => candidate.position >= first).slice(-3)) {
          expect(await log.locate({ sinceMicros: time.micros })).toBe(time.position);
        }
        const lines = model.toString("latin1").split("\n");
        const wanted = lines.slice(-4).join("\n");
        if (wanted.length < model.length - first) {
          expect(await text(log, { from: { lastLines: 3 } })).toBe(wanted);
        }
        await close(logs);
      }),
      { numRuns: 60 },
    );
  });

  it("can be read with plain tools", async () => {
    const logs = await open();
    const log = await logs.open(NODE, { ...WIDE, maxBytes: 65_536 });
    const line = "[    1.234567] a line of the kernel\r\n";
    const count = 1000;
    for (let index = 0; index < count; index++) {
      log.take("s", [bytes(index * line.length, START_MICROS + index, line)]);
    }
    await logs.settle();
    const files = (await readdir(join(directory, NODE))).toSorted();
    let read = "";
    for (const name of files) {
      const path = join(directory, NODE, name);
      if (name.endsWith(".zst")) read += execFileSync("zstd", ["-dc", path]).toString();
      if (name.endsWith(".bytes")) read += execFileSync("cat", [path]).toString();
    }
    expect(files.filter((name) => name.endsWith(".zst")).length).toBeGreaterThan(1);
    expect(read).toBe(line.repeat(count).slice(log.first));
  });
});
