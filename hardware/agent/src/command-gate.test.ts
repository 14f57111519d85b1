import type { AgentCommand, CommandReport } from "@outrider/contracts/agent";
import { commandId, endpointId, nodeId } from "@outrider/contracts/ids";
import { assert, boolean, constantFrom, integer, option, property, record } from "fast-check";
import { describe, expect, it } from "vitest";
import { decide, type GateFacts } from "./command-gate.js";

const command: AgentCommand = {
  v: 1,
  id: commandId("c1"),
  node: nodeId("n1"),
  endpoint: endpointId("n1", "power"),
  action: "ForceOff",
  actor: "person:a",
  via: "mqtt",
  issuedAt: "2026-01-01T00:00:00.000Z",
  clock: { id: "k", ms: 0 },
  ttlMs: 1000,
  epoch: "e1",
};
const good: GateFacts = {
  command,
  addressed: "n1.power",
  retained: false,
  known: undefined,
  lookedUp: true,
  epoch: "e1",
  ageMs: 10,
  highestFence: undefined,
  supply: "not-read",
  endpoint: {
    node: nodeId("n1"),
    failure: undefined,
    actions: ["On", "ForceOff", "PowerCycle"],
    busyWith: undefined,
    fault: undefined,
  },
};
const report: CommandReport = {
  id: commandId("c1"),
  endpoint: endpointId("n1", "power"),
  action: "ForceOff",
  status: "Succeeded",
  terminal: true,
};
const endpoint = (rest: object): GateFacts => ({
  ...good,
  endpoint: { ...good.endpoint, ...rest } as NonNullable<GateFacts["endpoint"]>,
});
const told = (rest: Partial<AgentCommand>): GateFacts => ({
  ...good,
  command: { ...command, ...rest },
});

describe("the gate", () => {
  it("accepts what nothing speaks against, and says how long it may take to start", () => {
    expect(decide(good)).toEqual({ kind: "accept", startWithinMs: 990 });
    expect(decide({ ...good, ageMs: 1000 })).toEqual({ kind: "accept", startWithinMs: 0 });
  });

  it.each<[string, GateFacts]>([
    ["invalid", told({ v: 2 })],
    ["invalid", { ...good, addressed: "n2.power" }],
    ["stale-epoch", told({ epoch: "e0" })],
    ["stale-epoch", { ...good, epoch: undefined }],
    ["clock-unknown", { ...good, ageMs: undefined }],
    ["expired", { ...good, ageMs: 1000.1 }],
    ["fenced", { ...told({ fence: 6 }), highestFence: 7 }],
    ["unknown-endpoint", { ...good, endpoint: undefined }],
    ["invalid", endpoint({ node: nodeId("n2") })],
    ["endpoint-failed", endpoint({ failure: "no such driver" })],
    ["unsupported-action", told({ action: "Nmi" })],
    ["expectation-failed", { ...told({ expect: { supply: "On" } }), supply: "Off" }],
    ["expectation-failed", { ...told({ expect: { supply: "On" } }), supply: "Unknown" }],
    [
      "expectation-failed",
      { ...told({ expect: { supply: "On" } }), supply: { problem: "silent" } },
    ],
    ["busy", endpoint({ busyWith: "PowerCycle" })],
    [
      "fault-latched",
      { ...endpoint({ fault: "broken" }), command: { ...command, action: "PowerCycle" } },
    ],
    [
      "fault-latched",
      { ...endpoint({ fault: "broken" }), command: { ...command, action: "On", via: "policy" } },
    ],
  ])("refuses with %s", (reasonCode, facts) => {
    expect(decide(facts)).toMatchObject({ kind: "reject", reasonCode });
    expect(decide({ ...facts, lookedUp: false })).toEqual({ kind: "look-up" });
    expect(decide({ ...facts, lookedUp: false, known: report })).toEqual({
      kind: "repeat",
      report,
    });
  });

  it("lets through an equal or higher fence, and a person's On in spite of a fault", () => {
    expect(decide({ ...told({ fence: 7 }), highestFence: 7 }).kind).toBe("accept");
    expect(
      decide({ ...endpoint({ fault: "x" }), command: { ...command, action: "On" } }).kind,
    ).toBe("accept");
    expect(decide({ ...endpoint({ fault: "x" }), command }).kind).toBe("accept");
  });

  it("wants the supply read only when everything before it is in order", () => {
    const expecting = told({ expect: { supply: "On" } });
    expect(decide(expecting)).toEqual({ kind: "read" });
    expect(decide({ ...expecting, supply: "On" }).kind).toBe("accept");
    expect(decide({ ...expecting, ageMs: 2000 })).toMatchObject({ reasonCode: "expired" });
    const busy = { ...expecting, endpoint: { ...good.endpoint, busyWith: "On" } } as GateFacts;
    expect(decide({ ...busy, supply: "Off" })).toMatchObject({ reasonCode: "expectation-failed" });
  });

  const facts = record({
    retained: boolean(),
    known: option(constantFrom(report), { nil: undefined }),
    lookedUp: boolean(),
    epoch: constantFrom("e1", "e2", undefined),
    ageMs: option(integer({ min: 0, max: 2000 }), { nil: undefined }),
    fence: option(integer({ min: 0, max: 3 }), { nil: undefined }),
    highestFence: option(integer({ min: 0, max: 3 }), { nil: undefined }),
    busy: boolean(),
    fault: boolean(),
    action: constantFrom("On", "ForceOff", "PowerCycle", "Nmi"),
    via: constantFrom("mqtt", "policy"),
    supply: constantFrom("not-read", "On", "Off", "Unknown"),
    expect: option(constantFrom("On", "Off"), { nil: undefined }),
  });

  it("never accepts against a rule, whatever else is the case", () => {
    assert(
      property(facts, (some) => {
        const { fence, busy, fault, action, via, expect: supply, ...rest } = some;
        const decision = decide({
          ...good,
          ...rest,
          supply: rest.supply,
          command: {
            ...command,
            action,
            via,
            ...(fence === undefined ? {} : { fence }),
            ...(supply === undefined ? {} : { expect: { supply } }),
          },
          endpoint: {
            ...good.endpoint,
            busyWith: busy ? "it" : undefined,
            fault: fault ? "it" : undefined,
          } as NonNullable<GateFacts["endpoint"]>,
        });
        if (some.retained) return decision.kind === "drop";
        if (some.known) return decision.kind === "repeat";
        if (decision.kind === "reject") return some.lookedUp;
        const inOrder =
          some.epoch === "e1" &&
          some.ageMs !== undefined &&
          some.ageMs <= 1000 &&
          (fence === undefined || fence >= (some.highestFence ?? 0)) &&
          action !== "Nmi" &&
          !(fault && (action === "PowerCycle" || (action === "On" && via === "policy")));
        if (decision.kind === "read")
          return inOrder && supply !== undefined && some.supply === "not-read";
        if (decision.kind === "look-up") return !some.lookedUp;
        return inOrder && !busy && (supply === undefined || supply === some.supply);
      }),
      { numRuns: 5000 },
    );
  });
});
