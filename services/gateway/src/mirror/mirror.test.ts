import type { NodeDescription } from "@outrider/contracts/node";
import type { PowerResult } from "@outrider/contracts/power";
import { VirtualClock } from "@outrider/testing/virtual-clock";
import { describe, expect, it } from "vitest";
import { agentsWithDeclared } from "../routes/agents.js";
import { nodeView } from "../routes/node-view.js";
import { Mirror } from "./mirror.js";

const clock = new VirtualClock();

function mirrorWith(agents: Readonly<Record<string, string>>): Mirror {
  const mirror = new Mirror(clock);
  for (const [id, agent] of Object.entries(agents)) {
    const interfaces = { power: [{ agent, endpoint: `${id}.power`, driver: "simulated" }] };
    const description = { id, name: id, roles: [], labels: {}, supportedActions: [], interfaces };
    mirror.hear(id, "description", description as unknown as NodeDescription);
  }
  return mirror;
}

function result(seq: number, more: object = {}): PowerResult {
  const said = { id: "c1", seq, actor: "person:a", status: "InProgress", terminal: false };
  return { ...said, ...more } as unknown as PowerResult;
}

describe("the last result of a node", () => {
  const shown = (mirror: Mirror): PowerResult | undefined => {
    const record = mirror.node("n1");
    return record && nodeView(record, clock)?.lastResult;
  };

  it("is shown with why the command failed, and replaced by that of the next command", () => {
    const mirror = mirrorWith({ n1: "a" });
    expect(shown(mirror)).toBeUndefined();
    const failed = result(2, { status: "Failed", reasonCode: "not-obeyed", detail: "still on" });
    mirror.hearResult("n1", failed);
    expect(shown(mirror)).toEqual(failed);
    const next = result(0, { id: "c2" });
    mirror.hearResult("n1", next);
    expect(shown(mirror)).toEqual(next);
  });

  it("does not go back to what was said before, nor tells the same twice", () => {
    const mirror = mirrorWith({ n1: "a" });
    mirror.hearResult("n1", result(2, { status: "Failed" }));
    const { revision } = mirror;
    mirror.hearResult("n1", result(1));
    mirror.hearResult("n1", result(2, { status: "Failed" }));
    expect(mirror.revision).toBe(revision);
    expect(shown(mirror)?.status).toBe("Failed");
  });

  it("of a node that there is not is not kept", () => {
    const mirror = mirrorWith({});
    mirror.hearResult("n1", result(0));
    expect(mirror.revision).toBe(0);
  });
});

describe("agents", () => {
  it("that nodes need and that were never heard are among the others, without a status", () => {
    const mirror = mirrorWith({ n1: "rack-10", n2: "rack-2", n3: "rack-2" });
    const status = { state: "ready", epoch: "e", version: "1", startedAt: "x" } as const;
    mirror.hearAgent("rack-10", { status });
    const listed = agentsWithDeclared(mirror, {});
    expect(listed.map((one) => [one.id, one.status?.state])).toEqual([
      ["rack-2", undefined],
      ["rack-10", "ready"],
    ]);
  });

  it("of nodes that somebody may not see are not told to them before they are heard", () => {
    const mirror = mirrorWith({ n1: "rack-1", n2: "rack-2" });
    const listed = agentsWithDeclared(mirror, { nodes: ["n2"] });
    expect(listed.map(({ id }) => id)).toEqual(["rack-2"]);
  });
});
