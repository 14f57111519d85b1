import * as fc from "fast-check";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { NodeId } from "@outrider/contracts/ids";
import { Feeder, LogFixture, NODE, START_MICROS, WIDE } from "../testing/log-fixture.js";
import { SearchError, type ConsoleLogs, type SearchHit, type SearchQuery } from "./console-log.js";
import type { SearchStatistics } from "./search-task.js";
import { foldCase } from "./trigram-filter.js";

let fixture: LogFixture;
beforeEach(async () => {
  fixture = await LogFixture.make();
});
afterEach(() => fixture[Symbol.asyncDispose]());

async function hitsOf(logs: ConsoleLogs, query: SearchQuery): Promise<SearchHit[]> {
  const hits: SearchHit[] = [];
  for await (const hit of logs.search(query)) hits.push(hit);
  return hits;
}

describe("search", () => {
  it("finds what looking at every line would, newest first, sealed or not", async () => {
    const word = fc.constantFrom(
      "under",
      "-voltage",
      "ab",
      "Größe",
      "ΑΣ",
      "kernel",
      " ",
      "0x1f",
      "\x1b[1m",
      "\r",
    );
    const line = fc.array(word, { maxLength: 12 }).map((words) => words.join(""));
    const query = fc.oneof(
      fc
        .constantFrom("under-voltage", "größe", "ας", "kernelkernel", "b u", "x1", "a")
        .map((text) => ({ query: text })),
      fc
        .constantFrom(
          "under-?voltage",
          "(?i)GRÖ.E",
          "kernel.*0x1f|ab +ab",
          "^ab",
          "0x\\d.$",
          "(Under|under)-v",
        )
        .map((regex) => ({ regex })),
    );
    await fc.assert(
      fc.asyncProperty(
        fc.array(line, { minLength: 50, maxLength: 400 }),
        fc.array(query, { minLength: 3, maxLength: 3 }),
        fc.nat(),
        async (lines, queries, place) => {
          await using own = await LogFixture.make();
          const logs = await own.open();
          const feeders = [];
          for (const node of ["n1", "n2"]) {
            const log = await logs.open(node as NodeId, { ...WIDE, maxBytes: 131_072 });
            feeders.push(new Feeder(log));
          }
          // Some of it sealed, some in files only, some not even there.
          for (let round = 0; round < 3; round++) {
            for (const [index, text] of lines.entries()) {
              feeders[index % 2]?.feed(`${text} ${"filler ".repeat(20)}\n`, 1000 + index);
            }
            if (round === 0) await logs.settle();
            else if (round === 1) await logs.flush();
          }
          const all: SearchHit[] = [];
          for (const { log } of feeders) {
            for await (const item of log.readText({ from: { position: 0 } })) {
              if (item.kind !== "line") continue;
              const { line: number, position, atMicros, text } = item;
              all.push({ node: log.node, line: number, position, atMicros, text, from: 0, to: 0 });
            }
          }
          all.sort((a, b) => b.atMicros - a.atMicros);
          const middle = all[place % all.length]?.atMicros ?? 0;
          for (const asked of queries) {
            for (const range of [{}, { sinceMicros: middle }, { untilMicros: middle }]) {
              const { sinceMicros = 0, untilMicros = Number.MAX_SAFE_INTEGER } =
                range as SearchQuery;
              const expected = all.filter(
                ({ text, atMicros }) =>
                  matches(asked, text) && atMicros >= sinceMicros && atMicros <= untilMicros,
              );
              const hits = await hitsOf(logs, { ...asked, ...range, limit: 100_000 });
              const key = ({ node, line: number, position, text }: SearchHit): string =>
                `${node} ${number} ${position} ${text}`;
              expect(hits.map(key).toSorted()).toEqual(expected.map(key).toSorted());
              expect(hits.map((hit) => hit.atMicros)).toEqual(expected.map((hit) => hit.atMicros));
            }
          }
        },
      ),
      { numRuns: 8 },
    );
  });

  it("reads only the blocks that can hold it, and knows what stands around it", async () => {
    const logs = await fixture.open();
    const log = await logs.open(NODE, { ...WIDE, maxBytes: 2 ** 26 });
    const feeder = new Feeder(log);
    const needle = "hwmon hwmon1: Undervoltage detected!";
    for (let number = 0; number < 200_000; number++) {
      const text =
        number === 90_000 ? needle : `[${number}.123456] usb 1-1.2: line ${number * 7} of many`;
      feeder.feed(`${text}\r\n`);
      if (number % 20_000 === 0) await logs.flush();
    }
    await logs.settle();
    let statistics: SearchStatistics | undefined;
    const hits: SearchHit[] = [];
    const search = logs.search({ query: "UNDERVOLTAGE detected", context: 1 }, (done) => {
      statistics = done;
    });
    for await (const hit of search) hits.push(hit);
    expect(hits).toEqual([
      {
        node: NODE,
        line: 90_001,
        position: hits[0]?.position,
        atMicros: START_MICROS + 90_001 * 1000,
        text: needle,
        from: 14,
        to: 35,
        before: [expect.stringContaining("89999.")],
        after: [expect.stringContaining("90001.")],
      },
    ]);
    const position = await log.locate({ line: 90_001 });
    expect(hits[0]?.position).toBe(position);
    expect(statistics?.blocks).toBeGreaterThan(20);
    expect(statistics?.blocksRead).toBe(1);
    expect((await hitsOf(logs, { query: "usb", limit: 5 })).map((hit) => hit.line)).toEqual([
      200_000, 199_999, 199_998, 199_997, 199_996,
    ]);
  });

  it("finds what came behind a prompt of yesterday today, sealed or not", async () => {
    const logs = await fixture.open();
    const log = await logs.open(NODE, { ...WIDE, maxBytes: 2 ** 20 });
    const feeder = new Feeder(log);
    const day = 86_400_000_000;
    for (const round of ["sealed", "in memory"]) {
      feeder.feed(`${round}\nn1 login: `);
      const prompted = feeder.micros;
      feeder.feed("[86400.000001] Kernel panic", day);
      const panicked = feeder.micros;
      feeder.feed(" - not syncing\r\n");
      if (round === "sealed") {
        for (let line = 0; line < 8000; line++) feeder.feed(`filler of the log, line ${line}\n`);
        await logs.settle();
        await logs.flush();
      }
      const [hit, ...more] = await hitsOf(logs, {
        query: "kernel panic",
        sinceMicros: panicked - 1000,
      });
      expect(more).toEqual([]);
      expect(hit).toMatchObject({ atMicros: panicked, from: 25 });
      const before = { sinceMicros: prompted, untilMicros: prompted };
      const [prompt] = await hitsOf(logs, { query: "login:", ...before });
      expect(prompt).toMatchObject({ atMicros: prompted });
      expect(await hitsOf(logs, { query: "not syncing", ...before })).toEqual([]);
      // What began before the pause and ended behind it was there when it ended.
      const [both] = await hitsOf(logs, { query: "login: [86400", sinceMicros: panicked });
      expect(both?.atMicros).toBe(panicked);
    }
  });

  it("gives out what came at one moment in the order of the log, newest first", async () => {
    const logs = await fixture.open();
    const feeder = new Feeder(await logs.open(NODE, WIDE));
    feeder.feed(Array.from({ length: 40 }, (_, line) => `at once ${line}\n`).join(""));
    const hits = await hitsOf(logs, { query: "at once" });
    expect(hits.map(({ line }) => line)).toEqual(Array.from({ length: 40 }, (_, at) => 40 - at));
  });

  it("says what is wrong with a query", async () => {
    const logs = await fixture.open();
    for (const query of [
      {},
      { query: "" },
      { query: "a", regex: "b" },
      { regex: "(?=x)" },
      { regex: "a(b" },
      { regex: "(a{1000}){1000}" },
      { regex: "((a{30}){30}b{200}){1}".repeat(10) },
      { query: "a\nb" },
      { query: "x".repeat(501) },
    ]) {
      await expect(hitsOf(logs, query)).rejects.toThrow(SearchError);
    }
  });

  it("gives up a slow expression at once when nobody waits for it any more", async () => {
    const logs = await fixture.open();
    const feeder = new Feeder(await logs.open(NODE, WIDE));
    for (let number = 0; number < 400; number++) feeder.feed(`${"ab".repeat(2000)}\n`);
    await logs.flush();
    const stop = new AbortController();
    const regex = "(?:[ab]?){400}[xyz]";
    const slow = logs.search({ regex, signal: stop.signal })[Symbol.asyncIterator]();
    const first = slow.next();
    const others = Array.from({ length: 3 }, () => hitsOf(logs, { query: "abab", limit: 1 }));
    stop.abort();
    expect(await first).toEqual({ done: true, value: undefined });
    expect((await Promise.all(others)).map((hits) => hits.length)).toEqual([1, 1, 1]);
  });

  it("ends when nobody wants the rest", async () => {
    const logs = await fixture.open();
    const feeder = new Feeder(await logs.open(NODE, WIDE));
    for (let number = 0; number < 100; number++) feeder.feed(`line ${number}\n`);
    for await (const hit of logs.search({ query: "line" })) {
      expect(hit.text).toBe("line 99");
      break;
    }
    expect(await hitsOf(logs, { query: "line", signal: AbortSignal.abort() })).toEqual([]);
    expect((await hitsOf(logs, { query: "line", nodes: ["n2"] })).length).toBe(0);
  });
});

function matches(asked: { query?: string; regex?: string }, text: string): boolean {
  if (asked.query !== undefined) return foldCase(text).includes(foldCase(asked.query));
  const { regex = "" } = asked;
  return regex.startsWith("(?i)")
    ? new RegExp(regex.slice(4), "iu").test(text)
    : new RegExp(regex, "u").test(text);
}
