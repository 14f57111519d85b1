import type { Edge, EdgeName } from "@outrider/simulators/spawn";
import { describe, expect, it } from "vitest";
import { brokenRules, histogramOf, type DomainLimits } from "./starts.js";

const LIMITS: DomainLimits = {
  startSpacingMs: 100,
  concurrentStarts: 2,
  startDurationMs: 150,
  watts: { budget: 40, running: 10, starting: 15 },
};

let seq = 0;
function at(monotonicMs: number, slot: number, edge: EdgeName = "supply-on"): Edge {
  return { seq: ++seq, slot, edge, at: "2026-11-23T01:02:03.456Z", monotonicMs, cause: "api" };
}

describe("the histogram of starts", () => {
  it("finds what is spaced, counted and drawn as allowed", () => {
    const found = histogramOf([at(0, 1), at(100, 2), at(200, 3)], LIMITS);
    expect(found).toEqual({ starts: 3, closestMs: 100, mostAtOnce: 2, mostWatts: 40, spanMs: 200 });
    expect(brokenRules(found, LIMITS)).toEqual([]);
  });

  it("finds starts that are too close, too many or too hungry", () => {
    const close = histogramOf([at(0, 1), at(99, 2)], LIMITS);
    expect(brokenRules(close, LIMITS)).toEqual([
      "two starts were 99 ms apart, at least 100 demanded",
    ]);
    const many = histogramOf([at(0, 1), at(0, 2), at(0, 3)], { ...LIMITS, startSpacingMs: 0 });
    expect(many.mostAtOnce).toBe(3);
    const hungry = histogramOf([at(500, 5)], LIMITS, [1, 2, 3]);
    expect(brokenRules(hungry, LIMITS)).toEqual(["45 W were drawn, at most 40 allowed"]);
  });

  it("counts a supply that went off in the middle of its start no longer", () => {
    const edges = [at(0, 1), at(50, 1, "brown-out"), at(100, 1), at(120, 1, "supply-off")];
    expect(histogramOf(edges, LIMITS)).toMatchObject({ starts: 2, mostAtOnce: 1, mostWatts: 15 });
  });

  it("counts no start where a supply that is on is told to be on", () => {
    expect(histogramOf([at(0, 1)], LIMITS, [1])).toMatchObject({ starts: 0 });
  });
});
