import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { broken } from "./model/invariants.js";
import { everyRule, RULES, without, type Holds, type Rule } from "./model/rules.js";
import { pacedScript, script, type Script } from "./model/script.js";
import { World } from "./model/world.js";

const RUNS = Number(process.env["OUTRIDER_MODEL_RUNS"] ?? 4_000);
/** Within so many runs a rule that is taken away has to be missed. */
const MISSED_WITHIN = 20_000;

/** The promises that are broken when a script is played, and how it came to that. */
function play(
  one: Script,
  holds: Holds,
): { readonly problems: string[]; readonly trace: string[] } {
  const world = new World(one, holds);
  const cameToItsEnd = world.play();
  return { problems: broken(world, cameToItsEnd), trace: world.scheduler.trace };
}

/** Rules that are missed where many nodes start. */
const PACING: readonly string[] = [
  "starts-are-paced",
  "slots-are-held-again",
  "quiet-at-first",
] satisfies Rule[];

function holdsUnder(holds: Holds, scripts: fc.Arbitrary<Script> = script): fc.IProperty<[Script]> {
  return fc.property(scripts, (one) => {
    const { problems, trace } = play(one, holds);
    if (problems.length > 0) throw new Error([...problems, ...trace].join("\n"));
  });
}

/** The promises without a rule, under scripts in which it counts. */
function scriptsOf(rule: Rule): fc.IProperty<[Script]> {
  return holdsUnder(without(rule), PACING.includes(rule) ? pacedScript : script);
}

describe("the command protocol (P1, P2, P3, P4, P5, P10)", () => {
  test(`keeps its promises in ${RUNS} scripts of troubles`, { timeout: 120_000 }, () => {
    fc.assert(holdsUnder(everyRule), { numRuns: RUNS });
  });

  test("is tried with hosts that ignore their button and are told at their console", () => {
    const scripts = fc.sample(script, { numRuns: 300, seed: 1 });
    const stories = scripts.map((one) => {
      const world = new World(one, everyRule);
      world.play();
      const kinds = world.device.edges.map(({ kind }) => kind);
      return {
        one,
        kinds: kinds.slice(kinds.indexOf("press") + 1),
        pressed: kinds.includes("press"),
      };
    });
    const told = stories.filter(({ pressed, kinds }) => pressed && kinds.includes("sys-rq"));
    expect(told.some(({ one }) => one.console === "ignored")).toBe(true);
    expect(told.some(({ one, kinds }) => !one.obeys && kinds.includes("host-off"))).toBe(true);
  });

  test(`spaces starts in ${RUNS} scripts of many`, { timeout: 120_000 }, () => {
    fc.assert(holdsUnder(everyRule, pacedScript), { numRuns: RUNS });
  });

  describe("needs each of its rules:", () => {
    test.for(Object.entries(RULES))("%s (%s)", { timeout: 120_000 }, ([rule]) => {
      const { failed, errorInstance } = fc.check(scriptsOf(rule as Rule), {
        numRuns: MISSED_WITHIN,
        seed: 1,
        endOnFailure: true,
      });
      expect(failed, "a promise is broken without it").toBe(true);
      // A model that fell over would prove nothing.
      expect(String(errorInstance)).toMatch(/^Error: (P\d+|order):/);
    });
  });
});
