import { nextAfter, type StreamItem } from "@outrider/console-link/console-stream";
import { beforeEach, describe, expect, test } from "vitest";
import { SpoolTail } from "./spool-tail.js";

const LIVE = 10_000;
const UNWRITTEN = 40_000;

let tail: SpoolTail;
let next: number;

beforeEach(() => {
  tail = new SpoolTail(LIVE, UNWRITTEN);
  next = 0;
});

/** @returns whether something had to be given up */
function say(bytes: number): boolean {
  const item = { kind: "bytes", offset: next, atMicros: next, bytes: Buffer.alloc(bytes) } as const;
  next += bytes;
  return tail.push(item);
}

function kinds(items: readonly StreamItem[]): string[] {
  return items.map((item) => `${item.kind} ${nextAfter(item)}`);
}
const all = (): readonly StreamItem[] => tail.read(tail.first ?? 0, Number.POSITIVE_INFINITY);

/** Takes everything as the disk does. */
function write(): void {
  while (tail.hasUnwritten) {
    tail.takeUnwritten(5000);
    tail.written();
  }
}

test("what is on disk stays as long as there is room, and is read from anywhere", () => {
  for (let at = 0; at < 30; at++) say(1000);
  expect(tail.first).toBe(0);
  write();
  const { first = 0 } = tail;
  expect(next - first).toBeLessThanOrEqual(LIVE * 1.2);
  expect(next - first).toBeGreaterThan(LIVE / 2);
  const [item] = tail.read(first + 10, 100);
  expect(item).toMatchObject({ kind: "bytes", offset: first + 10 });
});

describe("a disk that is slow", () => {
  test("does not lose what it is just writing, and what waits behind it is counted exactly (P12)", () => {
    for (let at = 0; at < 10; at++) say(1000);
    const writing = tail.takeUnwritten(5000);
    let givenUp = false;
    for (let at = 0; at < 100; at++) givenUp = say(1000) || givenUp;
    expect(givenUp).toBe(true);
    const items = all();
    expect(items.slice(0, writing.length)).toEqual(writing);
    const gaps = items.filter((item) => item.kind === "gap");
    expect(gaps).toHaveLength(1);
    const bytes = items.reduce(
      (sum, item) => sum + (item.kind === "bytes" ? item.bytes.length : 0),
      0,
    );
    expect(bytes + (gaps[0]?.lost ?? Number.NaN)).toBe(110_000);
    expect(tail.unwrittenCost).toBeLessThanOrEqual(UNWRITTEN);
    tail.written();
    write();
    expect(tail.hasUnwritten).toBe(false);
    expect(tail.unwrittenCost).toBe(0);
  });

  test("that failed is given the same items again", () => {
    for (let at = 0; at < 4; at++) say(1000);
    const before = tail.takeUnwritten(100_000);
    tail.failed();
    expect(tail.takeUnwritten(100_000)).toEqual(before);
  });
});

describe("what the service has", () => {
  test("is not written where the disk takes nothing", () => {
    for (let at = 0; at < 8; at++) say(1000);
    tail.forget(6000, false);
    expect(kinds(tail.takeUnwritten(100_000))[0]).toBe("bytes 1000");
    tail.failed();
    tail.forget(6000, true);
    expect(kinds(tail.takeUnwritten(100_000))).toEqual(["bytes 7000", "bytes 8000"]);
  });

  test("is kept while it is being written", () => {
    for (let at = 0; at < 8; at++) say(1000);
    const writing = tail.takeUnwritten(100_000);
    tail.forget(8000, true);
    tail.written();
    expect(writing).toHaveLength(8);
    expect(tail.hasUnwritten).toBe(false);
  });
});
