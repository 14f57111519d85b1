import type { PowerDomain } from "@outrider/contracts/fleet";
import { nodeId, type NodeId } from "@outrider/contracts/ids";
import { describe, expect, it } from "vitest";
import type { KnownNode } from "../admission.js";
import { planTransition, type PlanView } from "./transition-plan.js";

const ON: KnownNode = {
  capabilities: { power: ["On", "ForceOff", "PowerCycle"], button: ["PushPowerButton"] },
  supply: "On",
  host: "Running",
};

function view(rest: Partial<PlanView> = {}): PlanView {
  return {
    known: () => ON,
    locked: () => undefined,
    busy: () => undefined,
    interlocked: () => undefined,
    noRoom: () => undefined,
    drainRoles: () => [],
    domain: () => undefined,
    ...rest,
  };
}

function nodes(count: number): NodeId[] {
  return Array.from({ length: count }, (_, index) => nodeId(`n${index + 1}`));
}

describe("what a transition would do", () => {
  it("puts nodes together that fare alike, with the rungs or the reason", () => {
    const plan = planTransition({ action: "GracefulRestart" }, nodes(6), {
      ...view(),
      known: (node) =>
        node === "n2" ? { ...ON, supply: "Off" } : node === "n3" ? undefined : { ...ON },
      locked: (node) =>
        node === "n4" ? { reasonCode: "locked", detail: "user:bert holds it" } : undefined,
      drainRoles: (node) => (node === "n6" ? ["storage"] : []),
    });
    const rungs = "PushPowerButton by button, then wait for the host to halt, then bring it back";
    expect(plan).toMatchObject({
      total: 6,
      groups: [
        { nodes: "n[1,5]", count: 2, outcome: "act", detail: rungs },
        { nodes: "n2", outcome: "reject", reasonCode: "supply-off" },
        { nodes: "n3", outcome: "reject", reasonCode: "unknown-node" },
        { nodes: "n4", outcome: "reject", reasonCode: "locked" },
        { nodes: "n6", outcome: "act", detail: `drain hooks of storage, then ${rungs}` },
      ],
    });
  });

  it("lets a cycle go through a role one after another, and an off leave the last one up", () => {
    // Of three, one must stay up.
    const interlocked: PlanView["interlocked"] = (_, going) =>
      going.size >= 2 ? { reasonCode: "interlocked", detail: "the last one" } : undefined;
    const cycle = planTransition({ action: "PowerCycle" }, nodes(3), view({ interlocked }));
    expect(cycle.groups.map(({ nodes: set, outcome }) => [set, outcome])).toEqual([
      ["n[1-2]", "act"],
      ["n3", "wait"],
    ]);
    const off = planTransition({ action: "ForceOff" }, nodes(3), view({ interlocked }));
    expect(off.groups[1]).toMatchObject({ nodes: "n3", outcome: "reject" });
    const forced = planTransition(
      { action: "ForceOff", override: true },
      nodes(3),
      view({ interlocked }),
    );
    expect(forced.groups).toMatchObject([{ count: 3, outcome: "act" }]);
  });

  it("says the least time that spacing, concurrency and stagger demand", () => {
    const domain: PowerDomain = {
      nodes: nodes(10),
      startSpacingMs: 2000,
      startDurationMs: 30_000,
      concurrentStarts: 3,
      oneAgent: true,
    };
    const at = (node: NodeId): { id: string; domain: PowerDomain } | undefined =>
      Number(node.slice(1)) <= 10 ? { id: "psu-a", domain } : undefined;
    const starting = view({ domain: at, known: () => ({ ...ON, supply: "Off" }) });
    // Nine gaps of two seconds are less than three waves of half a minute.
    expect(planTransition({ action: "On" }, nodes(10), starting).leastMs).toBe(90_000);
    expect(planTransition({ action: "ForceOff" }, nodes(10), view({ domain: at })).leastMs).toBe(0);
    const staggered = { action: "On", staggerMs: 20_000 } as const;
    expect(planTransition(staggered, nodes(12), starting).leastMs).toBe(220_000);
  });

  it("stays within a message, however many kinds there are", () => {
    const plan = planTransition({ action: "On" }, nodes(3000), {
      ...view(),
      busy: (node) => ({ reasonCode: "busy", detail: `${node} ${"x".repeat(900)}` }),
    });
    expect(plan.groups).toMatchObject([{ count: 3000, outcome: "reject", reasonCode: "busy" }]);
    const long = nodes(200).map((node) => nodeId(`${node}-${"y".repeat(50)}`));
    const many = planTransition({ action: "On" }, long, {
      ...view(),
      busy: (node) => ({ reasonCode: "busy", detail: `${node} ${"x".repeat(900)}` }),
    });
    expect(many.groups).toHaveLength(200);
    expect(JSON.stringify(many).length).toBeLessThan(62_000);
  });
});
