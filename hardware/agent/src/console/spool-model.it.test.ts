import { nextAfter, type StreamItem } from "@outrider/console-link/console-stream";
import { systemClock } from "@outrider/contracts/clock";
import { silentLog } from "@outrider/messaging/log";
import { tempDir } from "@outrider/testing/temp-dir";
import * as fc from "fast-check";
import { expect, test } from "vitest";
import { logWith } from "../log.js";
import { Gatherer } from "./gather.js";
import { Spool } from "./spool.js";

const LIMIT = 140_000;

async function start(directory: string): Promise<Spool> {
  let micros = 1_800_000_000_000_000;
  return Spool.open({
    directory,
    limitBytes: LIMIT,
    gatherer: new Gatherer(systemClock),
    clock: systemClock,
    nowMicros: () => ++micros,
    log: logWith(silentLog, {}),
    aliveMicros: undefined,
  });
}

async function all(spool: Spool, from: number): Promise<StreamItem[]> {
  const items: StreamItem[] = [];
  for (let at = from; ;) {
    const more = await spool.read(at, 16_384);
    const last = more.at(-1);
    if (!last) return items;
    items.push(...more);
    at = nextAfter(last);
  }
}

/** What a console said, by number: a byte, a break, or the end of a device's gap. */
interface Said {
  readonly bytes: Map<number, number>;
  readonly breaks: Set<number>;
  /** Numbers behind a device's gap. */
  readonly overruns: Set<number>;
}

const step = fc.oneof(
  { weight: 12, arbitrary: fc.noBias(fc.integer({ min: 1, max: 30_000 })) },
  { weight: 2, arbitrary: fc.constant("break" as const) },
  { weight: 2, arbitrary: fc.constant("overrun" as const) },
  { weight: 1, arbitrary: fc.constant("acknowledge" as const) },
  { weight: 2, arbitrary: fc.constant("restart" as const) },
);

test("whatever happens, each item is there once, or its bytes are in a gap that says how many (P8)", async () => {
  let entered = 0;
  await fc.assert(
    fc.asyncProperty(
      fc.array(step, { minLength: 30, maxLength: 100 }),
      fc.noBias(fc.integer({ min: 0, max: 999 })).map((thousandth) => thousandth / 1000),
      async (steps, place) => {
        await using directory = await tempDir();
        const said: Said = { bytes: new Map(), breaks: new Set(), overruns: new Set() };
        const numbers: number[] = [];
        let acknowledged = 0;
        let spool = await start(directory.path);
        const gathered = (end: number): Promise<void> =>
          new Promise((resolve) => {
            if (spool.next === end) return resolve();
            const watch = spool.onAppended(() => {
              if (spool.next !== end) return;
              watch[Symbol.dispose]();
              resolve();
            });
          });
        for (const [at, one] of steps.entries()) {
          const { next } = spool;
          if (typeof one === "number") {
            for (let byte = 0; byte < one; byte++) said.bytes.set(next + byte, (at + byte) & 255);
            numbers.push(next, next + (one >> 1));
            spool.append(Buffer.from(Array.from({ length: one }, (_, byte) => (at + byte) & 255)));
            await gathered(next + one);
          } else if (one === "break") {
            said.breaks.add(next);
            spool.break();
          } else if (one === "overrun") {
            spool.gap({ lost: 3, reason: "overrun", fromMicros: 1 });
            said.overruns.add(next + 1);
          } else if (one === "acknowledge") {
            acknowledged = numbers[Math.floor((place * numbers.length) / 8)] ?? 0;
            spool.acknowledge(acknowledged);
          } else {
            await spool[Symbol.asyncDispose]();
            spool = await start(directory.path);
          }
        }
        const later = numbers.filter((number) => number >= acknowledged);
        const from = later[Math.floor((place * later.length) / 4)] ?? acknowledged;
        const items = await all(spool, from);
        if (judge(items, from, said)) entered++;
        expect(items.length === 0 ? from : nextAfter(items.at(-1) as StreamItem)).toBe(
          Math.max(from, spool.next),
        );
        await spool[Symbol.asyncDispose]();
      },
    ),
    { numRuns: 15, interruptAfterTimeLimit: 60_000 },
  );
  // It would prove little otherwise.
  expect(entered).toBeGreaterThan(0);
});

/**
 * Each byte is right and there once, and what is not there is counted.
 * @returns whether it began in the middle of what was given up
 */
function judge(items: readonly StreamItem[], from: number, said: Said): boolean {
  let bytes = 0;
  let lost = 0;
  let next = from;
  for (const item of items) {
    if (item.kind === "bytes") {
      expect(item.offset).toBe(next);
      bytes += item.bytes.length;
      const first = item.bytes[0];
      expect(first).toBe(said.bytes.get(item.offset));
      const end = item.offset + item.bytes.length - 1;
      expect(item.bytes.at(-1)).toBe(said.bytes.get(end));
    } else if (item.kind === "break") expect(said.breaks.has(item.offset)).toBe(true);
    else if (item.reason === "spool-overflow") lost += item.lost ?? Number.NaN;
    else if (item.reason === "overrun") expect(said.overruns.has(item.offset)).toBe(true);
    else expect(item.reason).toBe("agent-down");
    next = nextAfter(item);
  }
  const expected = [...said.bytes.keys()].filter((number) => number >= from).length;
  expect(bytes + lost).toBe(expected);
  const overruns = items.filter((item) => item.kind === "gap" && item.reason === "overrun").length;
  expect(overruns).toBe([...said.overruns].filter((number) => number > from).length);
  const [first] = items;
  return first?.kind === "gap" && first.reason === "spool-overflow" && from > 0;
}
