import { milliseconds } from "@outrider/contracts/clock";
import { VirtualClock } from "@outrider/testing/virtual-clock";
import { beforeEach, expect, test } from "vitest";
import { GATHER, Gatherer, type Gather } from "./gather.js";

let clock: VirtualClock;
let gatherer: Gatherer;
let gather: Gather;
let handed: [string, number][];

beforeEach(() => {
  clock = new VirtualClock();
  gatherer = new Gatherer(clock);
  handed = [];
  gather = gatherer.of((bytes, atMicros) => handed.push([bytes.toString(), atMicros]));
});

const push = (text: string, atMicros: number): void => gather.push(Buffer.from(text), atMicros);

/** More than anybody types. */
const MUCH = "x".repeat(600);

test("the first of much goes on at once, and what follows as one piece with the time of its first", async () => {
  push(MUCH, 10_000);
  expect(handed).toEqual([[MUCH, 10_000]]);
  push("b", 10_001);
  push("c", 10_002);
  expect(handed).toHaveLength(1);
  await clock.advance(GATHER);
  expect(handed).toEqual([
    [MUCH, 10_000],
    ["bc", 10_001],
  ]);
});

test("the echo of each key goes on at once, however fast they are typed", () => {
  for (let key = 0; key < 1000; key++) push("k", 10_000 + key * 1000);
  expect(handed).toHaveLength(1000);
  expect(clock.waiting).toBe(0);
});

test("what a line of 115,200 baud brings without a pause goes on once a tick at most", async () => {
  for (let ms = 0; ms < 1000; ms++) {
    push("twelve bytes", 10_000 + ms * 1000);
    await clock.advance(milliseconds(1));
  }
  const most = 1000 / GATHER + 60;
  expect(handed.length).toBeLessThanOrEqual(most);
});

test("what the reader has gathered already waits for nobody", () => {
  for (let piece = 0; piece < 100; piece++) push(MUCH, 10_000 + piece * 1000 * GATHER);
  expect(handed).toHaveLength(100);
});

test("nothing ticks while all are quiet, and then the first byte goes on at once again", async () => {
  push(MUCH, 10_000);
  push("a", 10_001);
  await clock.advance(GATHER);
  await clock.advance(GATHER);
  expect(clock.waiting).toBe(0);
  push("b", 300_000);
  expect(handed).toHaveLength(3);
});

test("many consoles share one timer", async () => {
  const others = Array.from({ length: 47 }, () => gatherer.of(() => undefined));
  for (const other of [gather, ...others]) {
    other.push(Buffer.from(MUCH), 10_000);
    other.push(Buffer.from("x"), 10_001);
  }
  expect(clock.waiting).toBe(1);
});

test("much is not held back for its time", () => {
  push(MUCH, 10_000);
  gather.push(Buffer.alloc(32_768, "x"), 10_001);
  expect(handed).toHaveLength(2);
});

test("what is before a gap is handed on before it", () => {
  push(MUCH, 10_000);
  push("b", 10_001);
  gather.flush();
  expect(handed.map(([text]) => text)).toEqual([MUCH, "b"]);
});

test("a few bytes do not hold on to the large buffer that they were read into", () => {
  const slab = Buffer.alloc(65_536);
  const kept: Buffer[] = [];
  gatherer.of((bytes) => kept.push(bytes)).push(slab.subarray(0, 3), 1);
  expect(kept[0]?.buffer).not.toBe(slab.buffer);
});
