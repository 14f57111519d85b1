import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { NodeId } from "@outrider/contracts/ids";
import { knownBytes } from "../testing/known-bytes.js";
import {
  Feeder,
  LogFixture,
  NODE,
  START_MICROS,
  WIDE,
  contentOf,
  itemsOf,
  joined,
} from "../testing/log-fixture.js";
import type { TextItem } from "./console-log.js";
import type { LogItem, LogRange } from "./log-format.js";

let fixture: LogFixture;
beforeEach(async () => {
  fixture = await LogFixture.make();
});
afterEach(() => fixture[Symbol.asyncDispose]());

const HOUR_MICROS = 3_600_000_000;

describe("what a log keeps", () => {
  it("is bounded by size, the oldest goes first, and what stays is whole", async () => {
    const logs = await fixture.open();
    const maxBytes = 256 * 1024;
    const log = await logs.open(NODE, { ...WIDE, maxBytes });
    const feeder = new Feeder(log);
    for (let round = 0; round < 20; round++) {
      feeder.feed(knownBytes(feeder.offset, 65_536));
      await logs.settle();
      expect(log.bytesOnDisk).toBeLessThan(maxBytes * 1.5);
    }
    expect(log.first).toBeGreaterThan(0);
    const kept = joined(await itemsOf(log));
    expect(kept.equals(knownBytes(log.first, log.next - log.first))).toBe(true);
    expect(kept.length).toBeGreaterThan(maxBytes / 2);
    expect(await log.locate({ position: 0 })).toBe(log.first);
  });

  it("is bounded by age, also where little comes", async () => {
    const logs = await fixture.open();
    const log = await logs.open(NODE, { ...WIDE, maxAgeMs: 24 * 3_600_000 });
    const feeder = new Feeder(log);
    for (let hour = 0; hour < 72; hour++) {
      feeder.feed(`hour ${hour}\n`, HOUR_MICROS);
      await fixture.clock.advance(3_600_000);
      await logs.settle();
    }
    const lines = (await contentOf(log)).trim().split("\n");
    expect(lines.at(-1)).toBe("hour 71");
    // A segment is closed at an eighth of the age.
    expect(lines.length).toBeGreaterThanOrEqual(24);
    expect(lines.length).toBeLessThanOrEqual(29);
  });

  it("is bounded over all nodes, and a node that floods costs the others nothing", async () => {
    const logs = await fixture.open({ maxTotalBytes: 2 ** 20 });
    const quiet = await logs.open("quiet" as NodeId, WIDE);
    new Feeder(quiet).feed("an old line that matters\n");
    const bounds = { ...WIDE, maxBytes: 2 ** 21 };
    const feeder = new Feeder(await logs.open("loud" as NodeId, bounds));
    for (let round = 0; round < 10; round++) {
      for (let part = 0; part < 16; part++) feeder.feed(knownBytes(feeder.offset, 32_768));
      await logs.settle();
    }
    expect(feeder.log.first).toBeGreaterThan(0);
    expect(feeder.log.bytesOnDisk + quiet.bytesOnDisk).toBeLessThan(2 ** 20 * 1.5);
    expect(await contentOf(quiet)).toBe("an old line that matters\n");
  });

  it("has chapters that go with what they are about", async () => {
    let logs = await fixture.open();
    const bounds = { ...WIDE, maxBytes: 131_072 };
    let log = await logs.open(NODE, bounds);
    const feeder = new Feeder(log);
    for (let boot = 1; boot <= 12; boot++) {
      const begin = { position: log.next, line: log.line, atMicros: feeder.micros };
      expect(log.beginBoot(begin)).toBe(boot);
      log.reachStage("kernel", feeder.micros);
      for (let part = 0; part < 30; part++) feeder.feed(knownBytes(feeder.offset, 1024));
      log.reachStage("login", feeder.micros);
      await logs.settle();
    }
    for (const isReopened of [false, true]) {
      if (isReopened) {
        await fixture.close(logs);
        logs = await fixture.open();
        log = await logs.open(NODE, bounds);
      }
      const { boots } = log;
      expect(boots.at(-1)).toMatchObject({
        boot: 12,
        position: 11 * 30 * 1024,
        endPosition: log.next,
        stages: ["kernel", "login"],
      });
      expect(boots.length).toBeLessThan(12);
      expect(boots[0]?.endPosition).toBeGreaterThan(log.first);
      expect(boots.map((boot) => boot.boot)).toEqual(
        boots.map((_, index) => 13 - boots.length + index),
      );
      for (const [index, boot] of boots.entries()) {
        expect(boot.endPosition).toBe(boots[index + 1]?.position ?? log.next);
      }
      expect(await log.locate({ boot: 0 })).toBe(11 * 30 * 1024);
      expect(await log.locate({ boot: -1 })).toBe(10 * 30 * 1024);
      expect(await log.locate({ boot: 11 })).toBe(10 * 30 * 1024);
      expect(await log.locate({ boot: 1 })).toBe(log.first);
    }
    expect(log.beginBoot({ position: log.next, line: log.line, atMicros: 1 })).toBe(13);
  });

  it("is deleted when it is removed", async () => {
    const logs = await fixture.open();
    new Feeder(await logs.open(NODE, WIDE)).feed("secret\n");
    await logs.remove(NODE);
    expect((await logs.open(NODE, WIDE)).next).toBe(0);
  });
});

describe("reading a log", () => {
  it("goes on while segments are sealed and dropped under its hands", async () => {
    const logs = await fixture.open();
    const log = await logs.open(NODE, { ...WIDE, maxBytes: 131_072 });
    const feeder = new Feeder(log);
    for (let part = 0; part < 60; part++) feeder.feed(knownBytes(feeder.offset, 1024));
    const items: LogItem[] = [];
    let rounds = 0;
    for await (const item of log.read(
      { from: { position: 0 }, untilPosition: 500 * 1024 },
      { follow: true },
    )) {
      items.push(item);
      if (items.length % 20 !== 0 || feeder.offset >= 500 * 1024) continue;
      rounds++;
      for (let part = 0; part < 40; part++) feeder.feed(knownBytes(feeder.offset, 1024));
      await logs.settle();
    }
    expect(rounds).toBeGreaterThan(5);
    let at = 0;
    for (const item of items) {
      expect(item.position).toBeGreaterThanOrEqual(at);
      at = item.position;
      if (item.kind !== "bytes") continue;
      expect(item.bytes.equals(knownBytes(item.position, item.bytes.length))).toBe(true);
      at += item.bytes.length;
    }
    expect(at).toBe(500 * 1024);
    // What was still to be read when it was dropped is left out, without a word: it was asked to go.
    expect(items.filter((item) => item.kind === "gap")).toEqual([]);
  });

  it("gives as many lines as were asked for, marks and gaps counted", async () => {
    const log = await (await fixture.open()).open(NODE, WIDE);
    const feeder = new Feeder(log);
    const export_ = async (lastLines: number, options = {}): Promise<string[]> => {
      const chunks: Buffer[] = [];
      for await (const chunk of log.export({ from: { lastLines } }, "text", options)) {
        chunks.push(chunk);
      }
      const lines = Buffer.concat(chunks).toString().trimEnd().split("\n");
      return lines.map((line) => line.replace(/^(\[outrider: )?\S+ /, ""));
    };
    expect(await export_(3)).toEqual([""]);
    feeder.feed("one\ntwo\nthree\n");
    expect(await export_(2)).toEqual(["two", "three"]);
    for (const one of ["a", "b", "c", "d"]) log.mark(one, feeder.micros);
    expect(await export_(3)).toEqual(["b]", "c]", "d]"]);
    feeder.feed("four\n");
    log.mark("e", feeder.micros);
    feeder.feed("login: ");
    expect(await export_(3)).toEqual(["four", "e]", "login:"]);
    expect(await export_(100)).toHaveLength(10);
    const stop = new AbortController();
    stop.abort();
    expect(await export_(3, { follow: true, signal: stop.signal })).toEqual([""]);
  });

  it("follows what comes, marks included, until it is told to stop", async () => {
    const logs = await fixture.open();
    const log = await logs.open(NODE, WIDE);
    const feeder = new Feeder(log);
    const stop = new AbortController();
    const seen: string[] = [];
    const reading = (async () => {
      const range: LogRange = { from: { lastLines: 1 } };
      for await (const item of log.read(range, { follow: true, signal: stop.signal })) {
        seen.push(item.kind === "bytes" ? item.bytes.toString() : item.kind);
        if (item.kind === "bytes" && item.bytes.includes("stop")) stop.abort();
      }
    })();
    feeder.feed("one\n");
    await fixture.clock.advance(100);
    log.mark("somebody came", feeder.micros);
    await fixture.clock.advance(100);
    feeder.feed("two\n");
    feeder.feed("stop\n");
    await reading;
    expect(seen).toEqual(["one\n", "mark", "two\n", "stop\n"]);
  });

  it("counts a prompt as a line", async () => {
    const logs = await fixture.open();
    const log = await logs.open(NODE, WIDE);
    const feeder = new Feeder(log);
    feeder.feed("one\ntwo\nlogin: ");
    expect(await contentOf(log, { from: { lastLines: 2 } })).toBe("two\nlogin: ");
    expect(await contentOf(log, { from: { lastLines: 1 } })).toBe("login: ");
    feeder.feed("\n");
    expect(await contentOf(log, { from: { lastLines: 1 } })).toBe("login: \n");
  });

  it("finds places by time, line and chapter, across segments", async () => {
    const logs = await fixture.open();
    const log = await logs.open(NODE, { ...WIDE, maxBytes: 2 ** 20 });
    const feeder = new Feeder(log);
    for (let line = 1; line <= 20_000; line++) feeder.feed(`line ${line}\n`);
    await logs.settle();
    const textAt = async (range: LogRange): Promise<string | undefined> => {
      for await (const item of log.readText(range)) if (item.kind === "line") return item.text;
      return undefined;
    };
    for (const line of [1, 2, 4321, 9999, 19_999, 20_000]) {
      expect(await textAt({ from: { line } })).toBe(`line ${line}`);
      expect(await textAt({ from: { sinceMicros: START_MICROS + line * 1000 } })).toBe(
        `line ${line}`,
      );
      expect(await textAt({ from: { lastLines: 20_001 - line } })).toBe(`line ${line}`);
      const position = (await log.locate({ line })) + 3;
      // In the middle of a line: the line that it is in.
      expect(await textAt({ from: { position } })).toBe(`line ${line}`);
    }
    const until = START_MICROS + 7000 * 1000;
    const range = { from: { line: 6998 }, untilMicros: until };
    expect(await contentOf(log, range)).toBe("line 6998\nline 6999\nline 7000\n");
  });

  it("exports the exact bytes, a text with times, and lines of JSON", async () => {
    const logs = await fixture.open();
    const log = await logs.open(NODE, WIDE);
    log.take("s", [
      {
        kind: "bytes",
        offset: 0,
        atMicros: START_MICROS + 7,
        bytes: Buffer.from("\x1b[1mfirst\x1b[0m\r\nsec"),
      },
      { kind: "bytes", offset: 18, atMicros: START_MICROS + 9, bytes: Buffer.from("ond\n") },
      {
        kind: "gap",
        offset: 32,
        lost: 10,
        reason: "overrun",
        fromMicros: START_MICROS + 9,
        toMicros: START_MICROS + 1_000_000,
      },
      { kind: "break", offset: 32, atMicros: START_MICROS + 1_000_001 },
    ]);
    const exported = async (format: "raw" | "text" | "jsonl"): Promise<string> => {
      let text = "";
      for await (const chunk of log.export({ from: { position: 0 } }, format))
        text += chunk.toString();
      return text;
    };
    expect(await exported("raw")).toBe("\x1b[1mfirst\x1b[0m\r\nsecond\n");
    expect(await exported("text")).toBe(
      `2026-01-01T00:00:00.000007Z first
2026-01-01T00:00:00.000007Z second
[outrider: 10 bytes are missing between 2026-01-01T00:00:00.000009Z and 2026-01-01T00:00:01.000000Z: overrun]
[outrider: 2026-01-01T00:00:01.000001Z break]
`,
    );
    const json = (await exported("jsonl"))
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line) as unknown);
    expect(json).toMatchObject([
      { at: "2026-01-01T00:00:00.000007Z", line: 1, position: 0, text: "first" },
      { line: 2, text: "second" },
      { gap: { lost: 10, reason: "overrun" } },
      { mark: "break" },
    ]);
  });

  it("cleans text as one, whatever is between", async () => {
    const logs = await fixture.open();
    const feeder = new Feeder(await logs.open(NODE, WIDE));
    feeder.feed("one ");
    feeder.log.mark("in between", START_MICROS);
    feeder.feed("line\nlast");
    const items: TextItem[] = [];
    for await (const item of feeder.log.readText({ from: { position: 0 } })) items.push(item);
    expect(items).toMatchObject([
      { kind: "mark" },
      { kind: "line", text: "one line", ended: true },
      { kind: "line", text: "last", ended: false },
    ]);
  });
});
