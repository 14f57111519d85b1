import { execFileSync } from "node:child_process";
import { readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import * as fc from "fast-check";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { StreamItem } from "@outrider/console-link/console-stream";
import {
  Feeder,
  LogFixture,
  NODE,
  START_MICROS,
  WIDE,
  bytesAt,
  contentOf,
  itemsOf,
  joined,
} from "../testing/log-fixture.js";

let fixture: LogFixture;
beforeEach(async () => {
  fixture = await LogFixture.make();
});
afterEach(() => fixture[Symbol.asyncDispose]());

describe("a console's log", () => {
  it("shows what was taken at once, and again after it was opened anew", async () => {
    const logs = await fixture.open();
    const log = await logs.open(NODE, WIDE);
    const taken = log.take("s1", [
      bytesAt(0, START_MICROS, "U-Boot\r\n"),
      bytesAt(8, START_MICROS + 5, "login: "),
    ]);
    expect(taken).toMatchObject([{ position: 0 }, { position: 8 }]);
    expect(await itemsOf(log)).toEqual(taken);
    expect(log.stored).toBeUndefined();
    await logs.flush();
    expect(log.stored).toEqual({ stream: "s1", offset: 15 });
    await fixture.close(logs);
    const again = await (await fixture.open()).open(NODE, WIDE);
    expect(await itemsOf(again)).toEqual(taken);
    expect(again.source).toEqual({ stream: "s1", offset: 15 });
    expect(again).toMatchObject({ next: 15, line: 2, lastMicros: START_MICROS + 5 });
  });

  it("takes nothing twice, whatever a source repeats", async () => {
    const logs = await fixture.open();
    const log = await logs.open(NODE, WIDE);
    const gap: StreamItem = {
      kind: "gap",
      offset: 6,
      lost: undefined,
      reason: "agent-down",
      fromMicros: START_MICROS,
      toMicros: START_MICROS + 9,
    };
    const pause: StreamItem = { kind: "break", offset: 6, atMicros: START_MICROS + 10 };
    log.take("s1", [bytesAt(0, START_MICROS, "hello"), gap, pause], 2_000_000);
    expect(log.take("s1", [bytesAt(3, START_MICROS, "lo"), gap, pause], 2_000_000)).toEqual([]);
    expect(log.take("s1", [gap, pause, bytesAt(7, START_MICROS, "!")], 2_000_000)).toMatchObject([
      { kind: "bytes", position: 5, bytes: Buffer.from("!") },
    ]);
    await fixture.close(logs);
    const again = await (await fixture.open()).open(NODE, WIDE);
    expect(again.take("s1", [bytesAt(4, START_MICROS, "o"), gap, pause])).toEqual([]);
    expect(again.take("s1", [bytesAt(7, START_MICROS, "!")])).toEqual([]);
    expect((await itemsOf(again)).map((item) => item.kind)).toEqual([
      "bytes",
      "gap",
      "mark",
      "bytes",
    ]);
  });

  it("marks where a source began anew, once", async () => {
    const logs = await fixture.open();
    const log = await logs.open(NODE, WIDE);
    log.take("s1", [bytesAt(0, START_MICROS, "old")]);
    const first = bytesAt(0, START_MICROS + 5_000_000, "new");
    expect(log.take("s2", [first])).toMatchObject([
      {
        kind: "gap",
        lost: undefined,
        reason: "agent-down",
        fromMicros: START_MICROS,
        toMicros: START_MICROS + 5_000_000,
      },
      { kind: "bytes", position: 3 },
    ]);
    expect(log.take("s2", [first])).toEqual([]);
    await fixture.close(logs);
    const again = await (await fixture.open()).open(NODE, WIDE);
    expect((await itemsOf(again)).map((item) => item.kind)).toEqual(["bytes", "gap", "bytes"]);
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
        await rm(fixture.directory, { recursive: true, force: true });
        let logs = await fixture.open();
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
            log.take("s", [bytesAt(model.length, micros, data)]);
            times.push({ position: model.length, micros });
            model = Buffer.concat([model, data]);
          } else if (kind === "mark") {
            log.mark(`mark ${index}`, micros);
            marks.push(model.length);
          } else if (kind === "settle") await logs.settle();
          else {
            await fixture.close(logs);
            logs = await fixture.open();
            log = await logs.open(NODE, bounds);
          }
        }
        await logs.settle();
        const items = await itemsOf(log);
        const first = log.first;
        const kept = joined(items);
        expect(kept.equals(model.subarray(first))).toBe(true);
        expect(items.filter((item) => item.kind === "gap")).toEqual([]);
        const placed = items.filter((item) => item.kind === "mark").map((item) => item.position);
        expect(placed.filter((at) => at > first)).toEqual(marks.filter((at) => at > first));
        expect(log.line).toBe(model.toString("latin1").split("\n").length);
        const position = first + (place % Math.max(1, model.length - first + 1));
        expect(await contentOf(log, { from: { position } })).toBe(
          model.toString("latin1", position),
        );
        for (const time of times.filter((candidate) => candidate.position >= first).slice(-3)) {
          expect(await log.locate({ sinceMicros: time.micros })).toBe(time.position);
        }
        const lines = model.toString("latin1").split("\n");
        // A line that has begun counts as one.
        const wanted = lines.slice(lines.at(-1) === "" ? -4 : -3).join("\n");
        if (wanted.length < model.length - first) {
          expect(await contentOf(log, { from: { lastLines: 3 } })).toBe(wanted);
        }
        await fixture.close(logs);
      }),
      { numRuns: 30 },
    );
  });

  it("can be read with plain tools", async () => {
    const logs = await fixture.open();
    const log = await logs.open(NODE, { ...WIDE, maxBytes: 65_536 });
    const line = "[    1.234567] a line of the kernel\r\n";
    const count = 1000;
    const feeder = new Feeder(log);
    for (let index = 0; index < count; index++) feeder.feed(line);
    await logs.settle();
    const files = (await readdir(join(fixture.directory, NODE))).toSorted();
    let read = "";
    for (const name of files) {
      const path = join(fixture.directory, NODE, name);
      if (name.endsWith(".zst")) read += execFileSync("zstd", ["-dc", path]).toString();
      if (name.endsWith(".bytes")) read += execFileSync("cat", [path]).toString();
    }
    expect(files.filter((name) => name.endsWith(".zst")).length).toBeGreaterThan(1);
    expect(read).toBe(line.repeat(count).slice(log.first));
  });
});
