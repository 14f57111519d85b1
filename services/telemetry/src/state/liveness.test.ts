import * as fc from "fast-check";
import { PROOFS, type Proof } from "@outrider/contracts/reading";
import { describe, expect, it } from "vitest";
import { livenessOf, type Look } from "./liveness.js";

const NOW = 100_000;
const look = (proves: Proof, alive: boolean | undefined, more: Partial<Look> = {}): Look => ({
  proves,
  alive,
  takenMs: NOW,
  aliveMs: alive === true ? NOW : undefined,
  staleAfterMs: 30_000,
  ...more,
});

describe("liveness", () => {
  it.each<[string, Look[], string]>([
    ["nobody looks", [], "Unknown"],
    ["nobody can look", [look("network", undefined), look("system", undefined)], "Unknown"],
    ["one is heard", [look("network", true)], "Alive"],
    ["one is heard, others are not", [look("system", false), look("network", true)], "Alive"],
    ["all that look see nothing", [look("system", false), look("network", false)], "Silent"],
    [
      "one sees nothing, others cannot look",
      [look("system", undefined), look("port", false)],
      "Silent",
    ],
    ["it missed one look", [look("network", false, { aliveMs: NOW - 20_000 })], "Alive"],
    ["it has missed too many", [look("network", false, { aliveMs: NOW - 30_001 })], "Silent"],
    ["what was heard is too old", [look("network", true, { takenMs: 0, aliveMs: 0 })], "Unknown"],
    ["a halted machine has a carrier", [look("link", true), look("network", false)], "Silent"],
    ["there is a carrier and nothing else to look at", [look("link", true)], "Alive"],
    [
      "there is a carrier, and nobody can ask more",
      [look("link", true), look("system", undefined)],
      "Alive",
    ],
    [
      "a carrier is missing at a host that answers",
      [look("link", false), look("system", true)],
      "Alive",
    ],
  ])("when %s", (_, looks, liveness) => {
    expect(livenessOf(looks, NOW)).toBe(liveness);
  });

  it("is the same in whatever order heartbeats stand, and weaker ones change nothing where a stronger one speaks", () => {
    const looks = fc.record({
      proves: fc.constantFrom(...PROOFS),
      alive: fc.constantFrom(true, false, undefined),
      takenMs: fc.integer({ min: 0, max: NOW }),
      aliveMs: fc.option(fc.integer({ min: 0, max: NOW }), { nil: undefined }),
      staleAfterMs: fc.constantFrom(10_000, 30_000),
    });
    fc.assert(
      fc.property(fc.array(looks), looks, (all, one) => {
        const liveness = livenessOf(all, NOW);
        expect(livenessOf(all.toReversed(), NOW)).toBe(liveness);
        const weak: Look = { ...one, proves: "link" };
        const strong = all.filter(({ proves }) => proves !== "link" && proves !== "activity");
        const spoken = livenessOf(strong, NOW);
        if (spoken !== "Unknown") expect(livenessOf([...all, weak], NOW)).toBe(spoken);
      }),
    );
  });
});
