import type { PowerDomain, SitePolicy } from "@outrider/contracts/fleet";
import { nodeId, type NodeId } from "@outrider/contracts/ids";
import { VirtualClock } from "@outrider/testing/virtual-clock";
import { beforeEach, describe, expect, it } from "vitest";
import { Draws } from "./draws.js";
import { Pacing } from "./pacing.js";
import { Policies } from "./policies.js";
import type { Start } from "./starts.js";

const nodes = Array.from({ length: 40 }, (_, index) => nodeId(`n${index}`));

function policy(domain: Partial<PowerDomain> = {}, draws: SitePolicy["draws"] = {}): SitePolicy {
  const psu: PowerDomain = {
    nodes,
    startSpacingMs: 2000,
    startDurationMs: 0,
    oneAgent: true,
    ...domain,
  };
  return { site: "lab", powerDomains: { psu }, roles: {}, draws };
}

function start(index: number, owed = false): Start {
  return { key: `k${index}`, node: nodes[index] ?? nodeId("free"), owed };
}

class Stage {
  readonly clock = new VirtualClock();
  readonly policies = new Policies();
  readonly draws = new Draws(this.policies);
  readonly went: string[] = [];
  readonly said: string[] = [];
  off: (node: NodeId) => number | undefined = () => undefined;
  readonly never: string[] = [];
  readonly owing = new Set<NodeId>();
  readonly pacing = new Pacing({
    clock: this.clock,
    policies: this.policies,
    draws: this.draws,
    offSinceMs: (node) => this.off(node),
  });

  constructor() {
    this.pacing.follow({
      slotGranted: ({ key }) => void this.went.push(key),
      neverFits: ({ key }, why) => void this.never.push(`${key} ${why}`),
      owesStart: (node) => this.owing.has(node),
      waits: ({ key }, why) => void this.said.push(`${key} ${why}`),
    });
  }
}

describe("the pacing of starts", () => {
  let stage: Stage;
  beforeEach(() => {
    stage = new Stage();
  });

  it("leaves nodes alone that are in no domain", () => {
    expect(stage.pacing.request(start(0))).toBeUndefined();
    stage.policies.take(policy());
    expect(stage.pacing.request(start(99))).toBeUndefined();
  });

  it("begins quiet, then lets one go per spacing, and says who waits for what", async () => {
    stage.policies.take(policy());
    expect(stage.pacing.request(start(0))).toBe("psu: next start in 2 s");
    expect(stage.pacing.request(start(1))).toBe("psu: 1 before it; next start in 2 s");
    expect(stage.pacing.request(start(1))).toBe("psu: 1 before it; next start in 2 s");
    await stage.clock.advance(1999);
    expect(stage.went).toEqual([]);
    expect(stage.said).toEqual([
      "k0 psu: next start in 1 s",
      "k1 psu: 1 before it; next start in 1 s",
    ]);
    await stage.clock.advance(1);
    expect(stage.went).toEqual(["k0"]);
    await stage.clock.advance(2000);
    expect(stage.went).toEqual(["k0", "k1"]);
    expect(stage.clock.waiting).toBe(0);
  });

  it("tells nobody more than once a second, and of a long queue only the first", async () => {
    stage.policies.take(policy({ startSpacingMs: 60_000 }));
    for (const index of nodes.keys()) stage.pacing.request(start(index));
    await stage.clock.advance(10_000);
    expect(stage.said.filter((line) => line.startsWith("k0 "))).toHaveLength(10);
    expect(stage.said).toHaveLength(320);
  });

  it("gives the slot of a start that was not made to the next one", async () => {
    stage.policies.take(policy({ startSpacingMs: 0, concurrentStarts: 1 }));
    expect(stage.pacing.request(start(0))).toBeUndefined();
    expect(stage.pacing.request(start(1))).toBe("psu: 1 of 1 starts are under way");
    stage.pacing.withdraw("k0");
    expect(stage.went).toEqual(["k1"]);
    stage.pacing.request(start(2));
    stage.pacing.withdraw("k2");
    stage.pacing.ended("k1", true);
    expect(stage.went).toEqual(["k1"]);
  });

  it("holds the slots of what is under way, and lets what is owed go first", () => {
    stage.policies.take(policy({ startSpacingMs: 0, concurrentStarts: 1 }));
    stage.pacing.hold(start(0));
    stage.pacing.request(start(1));
    stage.pacing.request(start(2, true));
    stage.pacing.ended("k0", true);
    expect(stage.went).toEqual(["k2"]);
  });

  it("learns what nodes draw, and never counts less than was declared", () => {
    stage.policies.take(
      policy({ wattBudget: 400 }, { [nodes[0] ?? ""]: { runningWatts: 8, startingWatts: 12 } }),
    );
    expect(stage.draws.runningWatts(nodeId("n0"))).toBe(8);
    expect(stage.draws.startingWatts(nodeId("n0"))).toBe(12);
    // Nothing is known of this one: its share of the budget.
    expect(stage.draws.runningWatts(nodeId("n1"))).toBe(10);
    stage.draws.measured(nodeId("n0"), 14, 100);
    stage.draws.measured(nodeId("n0"), 13, 60_000);
    stage.draws.measured(nodeId("n0"), 9, 60_000);
    stage.draws.measured(nodeId("n0"), 3, 60_000);
    expect(stage.draws.startingWatts(nodeId("n0"))).toBe(14);
    // The surge of a start is no draw of a node that runs, or a tight budget would never have room again.
    expect(stage.draws.runningWatts(nodeId("n0"))).toBe(9);
    expect(stage.draws.news()).toEqual([["n0", { startingWatts: 14, runningWatts: 9 }]]);
    expect(stage.draws.news()).toEqual([]);
  });

  it("does not learn what cannot be, and says so once", () => {
    const doubted: string[] = [];
    const draws = new Draws(stage.policies, (...said) => void doubted.push(said.join(" ")));
    stage.policies.take(
      policy({ wattBudget: 400 }, { n0: { runningWatts: 8, startingWatts: 12 } }),
    );
    for (const watts of [49, 49, 9000]) draws.measured(nodeId("n0"), watts, 60_000);
    for (const watts of [401, 401]) draws.measured(nodeId("n1"), watts, 100);
    expect([draws.runningWatts(nodeId("n0")), draws.startingWatts(nodeId("n0"))]).toEqual([8, 12]);
    expect(draws.startingWatts(nodeId("n1"))).toBe(10);
    expect([doubted, draws.news()]).toEqual([["n0 49 48", "n1 401 400"], []]);
  });

  it("forgets what a node has drawn once another draw is declared for it", () => {
    const take = (startingWatts: number, wattBudget = 400): void =>
      stage.policies.take(policy({ wattBudget }, { n0: { runningWatts: 8, startingWatts } }));
    // What a former process had learned stays, also where its policy is heard again.
    stage.draws.recall([[nodeId("n0"), { startingWatts: 20 }]]);
    take(12);
    take(12, 500);
    expect(stage.draws.startingWatts(nodeId("n0"))).toBe(20);
    take(14);
    expect(stage.draws.startingWatts(nodeId("n0"))).toBe(14);
    expect(stage.draws.news()).toEqual([["n0", {}]]);
  });

  it("refuses a start that no budget could ever bear, and says so", () => {
    stage.policies.take(policy({ wattBudget: 20, nodes: [nodeId("n0"), nodeId("n1")] }));
    expect(stage.pacing.refusal(nodeId("n0"))).toBeUndefined();
    const draws = { n0: { runningWatts: 21, startingWatts: 21 } };
    stage.policies.take(policy({ wattBudget: 20, nodes: [nodeId("n0"), nodeId("n1")] }, draws));
    expect(stage.pacing.refusal(nodeId("n0"))).toMatchObject({ reasonCode: "no-start-slot" });
  });

  it("lets go what waits for watts once a node was seen to be off", async () => {
    const two = [nodeId("n0"), nodeId("n1")];
    const draws = Object.fromEntries(
      two.map((node) => [node, { runningWatts: 6, startingWatts: 6 }]),
    );
    stage.policies.take(policy({ nodes: two, wattBudget: 10, startSpacingMs: 0 }, draws));
    // The other one is not known to be off, so it counts.
    const why = "psu: watts: 6 of 10 W used, n0 needs 6 W to start";
    expect(stage.pacing.request(start(0))).toBe(why);
    stage.pacing.wentOff(nodeId("n1"));
    expect(stage.went).toEqual([]);
    stage.off = (node) => (node === "n1" ? stage.clock.monotonicMs() : undefined);
    stage.pacing.wentOff(nodeId("n1"));
    expect(stage.went, "watts were counted a moment ago").toEqual([]);
    await stage.clock.advance(100);
    stage.pacing.wentOff(nodeId("n1"));
    expect(stage.went).toEqual(["k0"]);
    stage.pacing.ended("k0", true);
    stage.off = () => undefined;
    stage.pacing.request(start(1));
    stage.off = (node) => (node === "n0" ? stage.clock.monotonicMs() : undefined);
    await stage.clock.advance(1000);
    expect(stage.went, "found by the tick, though nobody said so").toEqual(["k0", "k1"]);
  });

  it("lets nobody wait behind a start that the budget can no longer bear", async () => {
    const draws = (watts: number): SitePolicy["draws"] => ({
      n0: { runningWatts: 1, startingWatts: watts },
      n1: { runningWatts: 1, startingWatts: watts },
      n2: { runningWatts: 1, startingWatts: 3 },
      n3: { runningWatts: 1, startingWatts: 3 },
    });
    const limits = { wattBudget: 20, nodes: nodes.slice(0, 4), startSpacingMs: 0 };
    stage.policies.take(policy({ ...limits, concurrentStarts: 1 }, draws(2)));
    stage.off = () => stage.clock.monotonicMs();
    expect(stage.pacing.request(start(3))).toBeUndefined();
    for (const one of [start(0), start(1, true), start(2)]) stage.pacing.request(one);
    stage.policies.take(policy({ ...limits, concurrentStarts: 1 }, draws(21)));
    await stage.clock.advance(1);
    stage.pacing.ended("k3", true);
    expect([stage.went, stage.never.length]).toEqual([["k2"], 1]);
    expect(stage.never[0]).toContain("k0 n0 draws 21 W while it starts");
    await stage.clock.advance(1000);
    expect(stage.said.at(-1)).toContain("k1 psu: n1 draws 21 W");
    stage.pacing.ended("k2", true);
    expect(stage.pacing.request(start(3)), "nobody is before it").toBeUndefined();
    stage.pacing.ended("k3", true);
    stage.policies.take(policy({ ...limits, concurrentStarts: 1 }, draws(2)));
    expect(stage.went, "its budget is there").toEqual(["k2", "k1"]);
  });

  it("keeps the watts of a node that restarts for its own start", async () => {
    const three = [nodeId("n0"), nodeId("n1"), nodeId("n2")];
    const draws = Object.fromEntries(
      three.map((node) => [node, { runningWatts: 6, startingWatts: 8 }]),
    );
    stage.policies.take(policy({ nodes: three, wattBudget: 12, startSpacingMs: 0 }, draws));
    stage.off = (node) => (node === "n1" ? undefined : stage.clock.monotonicMs());
    stage.owing.add(nodeId("n0"));
    expect(stage.pacing.request(start(2)), "n0 and n1 have it all").toContain("12 of 12 W used");
    await stage.clock.advance(100);
    stage.pacing.wentOff(nodeId("n0"));
    expect(stage.went).toEqual([]);
    expect(stage.pacing.request(start(0, true)), "it has its watts").toBeUndefined();
    stage.pacing.ended("k0", true);
    stage.owing.clear();
    await stage.clock.advance(5000);
    stage.off = (node) => (node === "n2" ? stage.clock.monotonicMs() : undefined);
    await stage.clock.advance(1000);
    expect(stage.went, "n0 runs again").toEqual([]);
  });

  it("keeps order and slots over a new policy, and is quiet where it has changed", async () => {
    stage.policies.take(policy({ startSpacingMs: 0, concurrentStarts: 1 }));
    stage.pacing.request(start(0));
    stage.pacing.request(start(1));
    stage.pacing.request(start(2));
    stage.policies.take(policy({ startSpacingMs: 500, concurrentStarts: 1 }));
    stage.pacing.ended("k0", true);
    expect(stage.went).toEqual([]);
    await stage.clock.advance(500);
    expect(stage.went).toEqual(["k1"]);
    stage.policies.take({ ...policy(), powerDomains: {} });
    expect(stage.went).toEqual(["k1", "k2"]);
    expect(stage.clock.waiting).toBe(0);
  });
});
