import { describe, expect, it } from "vitest";
import { sparkline } from "./sparkline.js";

const span = { fromMs: 0, toMs: 800 };
const dots = (values: readonly number[]) =>
  values.map((value, index) => ({ atMs: index * 100, value }));

describe("a sparkline", () => {
  it("rises as values do", () => {
    expect(sparkline(dots([1, 2, 3, 4, 5, 6, 7, 8]), span, 8)).toBe("▁▂▃▄▅▆▇█");
  });
  it("is level where nothing changes, also of one value", () => {
    expect(sparkline(dots([5, 5, 5, 5, 5, 5, 5, 5]), span, 8)).toBe("▄▄▄▄▄▄▄▄");
    expect(sparkline(dots([0]), span, 8)).toBe("▄       ");
  });
  it("has a gap where nothing was read, and the mean where much was", () => {
    expect(sparkline(dots([0, 10, 0, 10, 10, 10]), span, 4)).toBe("▁▁█ ");
  });
  it("leaves out what is outside, and is blank of nothing", () => {
    expect(sparkline([{ atMs: 900, value: 1 }], span, 4)).toBe("    ");
    expect(sparkline([], span, 4)).toBe("    ");
  });
});
