import { expect, it } from "vitest";
import { Drops } from "./drops.js";

const drop = (before: number, readings: number) => ({
  before,
  readings,
  sinceMs: before * 10 - 10,
  untilMs: before * 10 - 1,
});

it("tells each drop with the first batch after it, once", () => {
  const drops = new Drops();
  drops.add(1, drop(5, 40));
  drops.add(8, drop(9, 10));
  expect(drops.between(0, 5)).toEqual(drop(5, 40));
  expect(drops.between(5, 6)).toBeUndefined();
  expect(drops.between(7, 9)).toEqual(drop(9, 10));
  expect(drops.told(4)).toBe(false);
  expect(drops.told(5)).toBe(true);
  expect(drops.all).toEqual([drop(9, 10)]);
});

it("adds up what is dropped together with the batch that was to tell of it", () => {
  const drops = new Drops([drop(5, 40)]);
  drops.add(5, drop(12, 7));
  expect(drops.all).toEqual([{ before: 12, readings: 47, sinceMs: 40, untilMs: 119 }]);
});
