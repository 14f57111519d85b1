import { expect, test } from "vitest";
import { median, spread } from "./statistics.js";

test("a spread is made of values that were measured, none in between", () => {
  const values = Array.from({ length: 200 }, (_, index) => 200 - index);
  expect(spread(values)).toEqual({ p50: 100, p99: 198, max: 200, count: 200 });
  expect(median([3, 1, 2])).toBe(2);
  expect(spread([7])).toEqual({ p50: 7, p99: 7, max: 7, count: 1 });
});

test("of nothing nothing is said", () => {
  expect(() => spread([])).toThrow(TypeError);
});
