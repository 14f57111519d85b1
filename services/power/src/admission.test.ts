import { commandId, nodeId } from "@outrider/contracts/ids";
import type { Action, PowerSet } from "@outrider/contracts/power";
import { describe, expect, it } from "vitest";
import { admit, JOIN_WINDOW_MS, type Bars, type KnownNode, type Recent } from "./admission.js";
import type { Phase, Run } from "./run-state.js";

const node: KnownNode = {
  capabilities: { power: ["On", "ForceOff", "PowerCycle", "PushPowerButton"] },
  supply: "On",
  host: "Running",
};
const ada = "person:ada";

function ask(set: PowerSet, actor = ada, wasRetained = false) {
  return { set, actor, wasRetained, ageMs: 0, ttlMs: 10_000 };
}

function recent(
  action: Action,
  phase: Phase["kind"],
  overrides: Partial<Run> = {},
  ageMs = 100,
): Recent {
  const run = {
    id: commandId("first"),
    node: nodeId("n1"),
    action,
    actor: ada,
    startedAt: "2026-11-23T00:00:00.000Z",
    phase: { kind: phase },
    ...overrides,
  } as Run;
  return { run, ageMs };
}

describe("a request for an action", () => {
  it("that was retained is refused before anything else is looked at", () => {
    expect(admit(ask({ action: "PowerCycle" }, ada, true), undefined, [])).toMatchObject({
      kind: "reject",
      reasonCode: "retained",
    });
  });

  it("for an unknown node is refused", () => {
    expect(admit(ask({ action: "On" }), undefined, [])).toMatchObject({
      reasonCode: "unknown-node",
    });
  });

  it("that the interfaces do not allow names those they do", () => {
    const admission = admit(ask({ action: "Nmi" }), node, []);
    expect(admission).toMatchObject({ kind: "reject", reasonCode: "unsupported-action" });
    expect(admission).toHaveProperty("detail", expect.stringContaining("On, ForceOff"));
  });

  it("is refused with the agent's trouble", () => {
    const trouble = { reasonCode: "agent-away", detail: "agent a1 is not connected" } as const;
    expect(admit(ask({ action: "On" }), { ...node, trouble }, [])).toMatchObject(trouble);
  });

  it("that waited for longer than it may is refused; a known one is repeated all the same (P3)", () => {
    const late = { ...ask({ action: "On", id: commandId("first") }), ageMs: 10_001 };
    expect(admit(late, node, [])).toMatchObject({ reasonCode: "expired" });
    expect(admit(late, node, [recent("On", "done")])).toMatchObject({ kind: "repeat" });
  });

  it("is accepted with the rungs of its ladder", () => {
    expect(admit(ask({ action: "PowerCycle" }), node, [])).toMatchObject({
      kind: "accept",
      steps: [{ kind: "act", action: "PowerCycle" }],
    });
  });
});

describe("the same request again", () => {
  it("by its id repeats the recorded outcome, however long ago within memory", () => {
    const ended = recent("PowerCycle", "done", {}, 1_000_000);
    const again = ask({ action: "PowerCycle", id: commandId("first") });
    expect(admit(again, node, [ended])).toMatchObject({ kind: "repeat", run: ended.run });
  });

  it("by another actor under the same id is another request", () => {
    const ended = recent("PowerCycle", "done");
    const again = ask({ action: "PowerCycle", id: commandId("first") }, "person:bob");
    expect(admit(again, node, [ended])).toMatchObject({ kind: "accept" });
  });

  it("without an id joins while one runs, and within the window after", () => {
    for (const one of [
      recent("PowerCycle", "acting", {}, 60_000),
      recent("PowerCycle", "done", {}, JOIN_WINDOW_MS - 1),
    ]) {
      expect(admit(ask({ action: "PowerCycle" }), node, [one])).toMatchObject({ kind: "repeat" });
    }
    expect(
      admit(ask({ action: "PowerCycle" }), node, [
        recent("PowerCycle", "done", {}, JOIN_WINDOW_MS),
      ]),
    ).toMatchObject({ kind: "accept" });
  });

  it("never joins where twice means something else", () => {
    const capable = { ...node, capabilities: { power: ["Nmi", "PushPowerButton"] } } as KnownNode;
    for (const action of ["Nmi", "PushPowerButton"] as const) {
      expect(admit(ask({ action }), capable, [recent(action, "done")])).toMatchObject({
        kind: "accept",
      });
      expect(admit(ask({ action }), capable, [recent(action, "acting")])).toMatchObject({
        reasonCode: "busy",
      });
    }
  });
});

describe("while another action runs", () => {
  it("a different one is busy and says who and what", () => {
    const admission = admit(ask({ action: "On" }, "person:bob"), node, [
      recent("PowerCycle", "acting"),
    ]);
    expect(admission).toMatchObject({ kind: "reject", reasonCode: "busy" });
    expect(admission).toHaveProperty("detail", expect.stringContaining("PowerCycle by person:ada"));
  });

  it("ForceOff takes the place of a graceful wait and of nothing else", () => {
    const waiting = recent("GracefulShutdown", "awaiting-halt");
    expect(admit(ask({ action: "ForceOff" }), node, [waiting])).toMatchObject({
      kind: "accept",
      supersedes: waiting.run,
    });
    expect(
      admit(ask({ action: "ForceOff" }), node, [recent("PowerCycle", "acting")]),
    ).toMatchObject({
      reasonCode: "busy",
    });
  });
});

describe("what may forbid a request besides its node", () => {
  const locked = { reasonCode: "locked", detail: "bob holds it" } as const;
  const interlocked = { reasonCode: "interlocked", detail: "the last one" } as const;
  const room = { reasonCode: "no-start-slot", detail: "too many watts" } as const;
  const free: Bars = { lock: () => undefined, interlock: () => undefined, room: () => undefined };
  const bars = { lock: () => locked, interlock: () => interlocked, room: () => room };

  it("is said in the order lock, what runs, interlock, room", () => {
    const on = ask({ action: "On" }, "person:cem");
    const running = recent("PowerCycle", "acting");
    expect(admit(on, node, [running], bars)).toMatchObject(locked);
    expect(admit(on, node, [running], { ...bars, lock: free.lock })).toMatchObject({
      reasonCode: "busy",
    });
    expect(admit(on, node, [], { ...bars, lock: free.lock })).toMatchObject(interlocked);
    expect(admit(on, node, [], { ...free, room: bars.room })).toMatchObject(room);
    expect(admit(on, node, [], free)).toMatchObject({ kind: "accept" });
  });

  it("does not keep anybody from hearing of his own command again", () => {
    const running = recent("PowerCycle", "acting");
    const repeat = { kind: "repeat", run: running.run };
    expect(admit(ask({ action: "PowerCycle" }), node, [running], bars)).toEqual(repeat);
    const named = ask({ action: "PowerCycle", id: commandId("first") });
    expect(admit(named, node, [running], bars)).toEqual(repeat);
  });
});
