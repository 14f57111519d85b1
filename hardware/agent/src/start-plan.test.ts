import type { DesiredDomain } from "@outrider/contracts/agent";
import { endpointId, type EndpointId } from "@outrider/contracts/ids";
import { assert, integer, property, record } from "fast-check";
import { describe, expect, it } from "vitest";
import { drawOfNode, judgeStart, type DomainFacts, type MemberFacts } from "./start-plan.js";

const LIMITS: DesiredDomain = { domain: "psu", startSpacingMs: 100, startDurationMs: 1000 };
const id = (n: number): EndpointId => endpointId(`n${n}`, "power");
const OFF: MemberFacts = {
  off: true,
  draw: undefined,
  start: undefined,
  reserved: false,
  keptUntilMs: undefined,
};

function domain(members: MemberFacts[], rest: Partial<DomainFacts> = {}): DomainFacts {
  return {
    limits: LIMITS,
    members: new Map(members.map((member, index) => [id(index + 1), member])),
    lastStartMs: undefined,
    sinceMs: 0,
    ...rest,
  };
}

const wish = { endpoint: id(1), what: "start", priority: "commanded" } as const;

describe("a start in a power domain", () => {
  it("waits after a start of the agent for one spacing and the length of a start", () => {
    expect(judgeStart(wish, domain([OFF]), 1099)).toMatchObject({
      limit: "unknown-past",
      untilMs: 1100,
    });
    expect(judgeStart(wish, domain([OFF]), 1100)).toEqual({ kind: "go" });
  });

  it("is spaced from the moment in which the device of the start before has answered", () => {
    const asking = { ...OFF, start: { asked: false, untilMs: undefined } };
    expect(judgeStart(wish, domain([OFF, asking]), 5000)).toMatchObject({
      limit: "spacing",
      untilMs: undefined,
    });
    const asked = { ...OFF, start: { asked: true, untilMs: undefined } };
    const facts = domain([OFF, asked], { lastStartMs: 5000 });
    expect(judgeStart(wish, facts, 5099)).toMatchObject({ limit: "spacing", untilMs: 5100 });
    expect(judgeStart(wish, facts, 5100)).toEqual({ kind: "go" });
  });

  it("counts a start until the supply is on and the start is over", () => {
    const limits = { ...LIMITS, concurrentStarts: 2 };
    const going = { ...OFF, start: { asked: true, untilMs: undefined } };
    const ending = { ...OFF, off: false, start: { asked: true, untilMs: 6000 } };
    const facts = domain([OFF, going, ending], { limits, lastStartMs: 4000 });
    expect(judgeStart(wish, facts, 5999)).toMatchObject({
      limit: "concurrent-starts",
      untilMs: 6000,
    });
    expect(judgeStart(wish, facts, 6000)).toEqual({ kind: "go" });
  });

  it("takes a node that is not known to be off for one that draws", () => {
    const draw = { runningWatts: 8, startingWatts: 12 };
    const limits = { ...LIMITS, wattBudget: 20 };
    const running = { ...OFF, off: false, draw };
    expect(judgeStart(wish, domain([{ ...OFF, draw }, running], { limits }), 5000)).toEqual({
      kind: "go",
    });
    const tight = { ...limits, wattBudget: 19 };
    const facts = domain([{ ...OFF, draw }, running], { limits: tight });
    expect(judgeStart(wish, facts, 5000)).toMatchObject({ kind: "wait", limit: "watts" });
    const reserved = domain(
      [
        { ...OFF, draw },
        { ...OFF, draw, reserved: true },
      ],
      { limits },
    );
    expect(judgeStart(wish, reserved, 5000)).toMatchObject({ kind: "wait", limit: "watts" });
  });

  it("P4 before watts: what a cycle owes needs no room again, whatever became of the budget, but keeps its distance", () => {
    const draw = { runningWatts: 8, startingWatts: 12 };
    const mid = { ...OFF, draw, reserved: true };
    const running = { ...OFF, off: false, draw };
    for (const wattBudget of [15, 11]) {
      const facts = domain([mid, running], {
        limits: { ...LIMITS, wattBudget },
        lastStartMs: 5000,
      });
      expect(judgeStart(wish, facts, 5099)).toMatchObject({ kind: "wait", limit: "spacing" });
      expect(judgeStart(wish, facts, 5100)).toEqual({ kind: "go" });
    }
  });

  it("P4: no policy takes the watts of a node that was stopped to be started again; a command may, and time gives them back", () => {
    const draw = { runningWatts: 8, startingWatts: 12 };
    const stopped = { ...OFF, draw, keptUntilMs: 9000 };
    const facts = domain([{ ...OFF, draw }, stopped], { limits: { ...LIMITS, wattBudget: 19 } });
    const restore = { ...wish, priority: "restore" } as const;
    expect(judgeStart(restore, facts, 8999)).toMatchObject({ limit: "watts", untilMs: 9000 });
    expect(judgeStart(restore, facts, 9000)).toEqual({ kind: "go" });
    expect(judgeStart(wish, facts, 8999)).toEqual({ kind: "go" });
    expect(judgeStart({ ...restore, endpoint: id(2) }, facts, 8999)).toEqual({ kind: "go" });
  });

  it("is never possible when it alone would break the budget, and the sentence says so", () => {
    const limits = { ...LIMITS, wattBudget: 11.5 };
    const facts = domain([{ ...OFF, draw: { runningWatts: 8, startingWatts: 12 } }], { limits });
    const verdict = judgeStart(wish, facts, 5000);
    expect(verdict).toMatchObject({ kind: "never" });
    expect(verdict.kind === "never" && verdict.detail).toMatch(/11.5 W.*n1.power.*12 W/);
  });

  it("shares the budget evenly among nodes of which nothing is known: all may run, none alone is too much", () => {
    assert(
      property(
        record({ count: integer({ min: 1, max: 50 }), budget: integer({ min: 1, max: 5000 }) }),
        ({ count, budget }) => {
          const limits = { ...LIMITS, wattBudget: budget };
          const on = { ...OFF, off: false };
          const facts = domain([OFF, ...Array.from({ length: count - 1 }, () => on)], { limits });
          expect(judgeStart(wish, facts, 5000)).toEqual({ kind: "go" });
        },
      ),
    );
  });
});

describe("the draw of a node", () => {
  it("is what is declared or was measured, whichever is more, and starting is never less than running", () => {
    expect(drawOfNode({}, {})).toBeUndefined();
    expect(drawOfNode({ runningWatts: 8 }, { runningWatts: 9, startingWatts: 7 })).toEqual({
      runningWatts: 9,
      startingWatts: 9,
    });
    expect(drawOfNode({ runningWatts: 8, startingWatts: 12 }, {})).toEqual({
      runningWatts: 8,
      startingWatts: 12,
    });
  });
});
