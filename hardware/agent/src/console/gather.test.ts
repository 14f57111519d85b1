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

test("the first byte goes on at once, and what follows as one piece with the time of its first", async () => {
  push("a", 1);
  expect(handed).toEqual([["a", 1]]);
  push("b", 2);
  push("c", 3);
  expect(handed).toHaveLength(1);
  await clock.advance(GATHER);
  expect(handed).toEqual([
    ["a", 1],
    ["bc", 2],
  ]);
});

test("nothing ticks while all are quiet, and then the first byte goes on at once again", async () => {
  push("a", 1);
  await clock.advance(GATHER);
  expect(clock.waiting).toBe(0);
  push("b", 2);
  expect(handed).toHaveLength(2);
});

test("many consoles share one timer", async () => {
  const others = Array.from({ length: 47 }, () => gatherer.of(() => undefined));
  for (const other of others) other.push(Buffer.from("x"), 1);
  push("a", 1);
  expect(clock.waiting).toBe(1);
});

test("much is not held back for its time", () => {
  push("a", 1);
  gather.push(Buffer.alloc(32_768, "x"), 2);
  expect(handed).toHaveLength(2);
});

test("what is before a gap is handed on before it", () => {
  push("a", 1);
  push("b", 2);
  gather.flush();
  expect(handed.map(([text]) => text)).toEqual(["a", "b"]);
});

test("a few bytes do not hold on to the large buffer that they were read into", () => {
  const slab = Buffer.alloc(65_536);
  const kept: Buffer[] = [];
  gatherer.of((bytes) => kept.push(bytes)).push(slab.subarray(0, 3), 1);
  expect(kept[0]?.buffer).not.toBe(slab.buffer);
});
