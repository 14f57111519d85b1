import { expect, test } from "vitest";
import { reconnectDelay } from "./reconnect-delay.js";

const spans = (random: number): number[] =>
  [0, 1, 2, 3, 4, 5, 6, 7, 1000].map((failures) => reconnectDelay(failures, random));

test("doubles from a quarter of a second to ten seconds, the upper half by chance", () => {
  expect(spans(0)).toEqual([125, 250, 500, 1000, 2000, 4000, 5000, 5000, 5000]);
  expect(spans(0.5)).toEqual([187.5, 375, 750, 1500, 3000, 6000, 7500, 7500, 7500]);
  expect(Math.max(...spans(0.999_999))).toBeLessThan(10_000);
});
