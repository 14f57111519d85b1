import { expect, it } from "vitest";
import { foldedHits, hitLines, searched, type Hit } from "./search-hits.js";

const hit = (second: number, node: string, text: string, more: Partial<Hit> = {}): Hit => ({
  node,
  at: `2026-11-23T05:00:0${second}.000Z`,
  line: second,
  text,
  ...more,
});

it("tells a text from an expression", () => {
  expect(searched("a/b")).toEqual({ q: "a/b" });
  expect(searched("/a.b/")).toEqual({ regex: "a.b" });
  expect(searched("/a.b/i")).toEqual({ regex: "(?i)a.b" });
  expect(searched("/")).toEqual({ q: "/" });
});

it("puts the oldest first, and what a node repeats on one line", () => {
  const hits = [
    hit(4, "n1", "[   99.1] link down"),
    hit(3, "n10", "hwmon hwmon1: Under-voltage!"),
    hit(2, "n1", "[   12.5] CPU 3: hot", { before: ["before"], after: ["after\u001b[2J"] }),
    hit(1, "n1", "[   11.5] CPU 2: hot"),
  ];
  expect(hitLines(hits)).toEqual([
    "2026-11-23 05:00:01.000  n1   [   11.5] CPU 2: hot  (and 1 more like it)",
    "2026-11-23 05:00:03.000  n10  hwmon hwmon1: Under-voltage!",
    "2026-11-23 05:00:04.000  n1   [   99.1] link down",
  ]);
  expect(hitLines(hits.slice(2, 3))).toEqual([
    "                         n1 - before",
    "2026-11-23 05:00:02.000  n1  [   12.5] CPU 3: hot",
    "                         n1 - after?[2J",
  ]);
});

it("folds what is alike on several nodes", () => {
  const hits = [hit(3, "n2", "oops 7"), hit(2, "n1", "[ 1.0] oops 12"), hit(1, "n3", "other")];
  expect(foldedHits(hits)).toEqual([
    "n[1-2]: 2 × oops 7 (last 2026-11-23 05:00:03.000)",
    "n3: 1 × other (last 2026-11-23 05:00:01.000)",
  ]);
});
