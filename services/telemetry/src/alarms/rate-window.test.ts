import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { MeanWindow, RateWindow } from "./rate-window.js";

describe("how fast a value changes", () => {
  it("is its slope, whatever the pace of the readings, once half of the window was seen", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: -50, max: 50 }),
        fc.integer({ min: 200, max: 20_000 }),
        (perMinute, everyMs) => {
          const window = new RateWindow(60_000, "minute");
          for (let atMs = 0; atMs < 300_000; atMs += everyMs) {
            const rate = window.add(atMs, (perMinute * atMs) / 60_000);
            if (atMs < 30_000) expect(rate).toBeUndefined();
            else expect(rate).toBeCloseTo(perMinute, 6);
          }
        },
      ),
    );
  });

  it("forgets what is older than its window", () => {
    const window = new RateWindow(60_000, "hour");
    for (let atMs = 0; atMs <= 60_000; atMs += 10_000) window.add(atMs, atMs === 0 ? 0 : 100);
    expect(window.add(200_000, 100)).toBe(0);
    window.clear();
    expect(window.add(200_001, 100)).toBeUndefined();
  });
});

describe("the mean of a value", () => {
  it("counts each for as long as it held", () => {
    const window = new MeanWindow(100_000);
    window.add(0, 10);
    window.add(90_000, 110);
    expect(window.add(100_000, 0)).toBeCloseTo(20, 6);
    expect(new MeanWindow(0).add(5, 7)).toBe(7);
  });
});
