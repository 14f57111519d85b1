import { agentId, endpointId, nodeId } from "@outrider/contracts/ids";
import type { NodeDescription } from "@outrider/contracts/node";
import { describe, expect, it } from "vitest";
import { DeclaredConsoles, defaultPolicy } from "./declared-consoles.js";

const n1 = nodeId("n1");

function described(agent?: string): NodeDescription {
  return {
    id: n1,
    name: "One",
    roles: [],
    labels: {},
    supportedActions: ["On"],
    gracefulLimitMs: 1000,
    interfaces: agent
      ? {
          console: [
            { agent: agentId(agent), endpoint: endpointId("n1", "console"), driver: "tcp" },
          ],
        }
      : {},
  };
}

describe("which nodes have a console", () => {
  it("follows from their descriptions, with defaults where the site says no more", () => {
    const declared = new DeclaredConsoles();
    declared.describe(n1, described("a"));
    expect(declared.all()).toMatchObject([
      { node: "n1", name: "One", agent: "a", policy: { writerIdleMs: 0, breakSequences: {} } },
    ]);
    declared.take({
      nodes: { n1: { ...defaultPolicy(agentId("a"), "tcp"), writerIdleMs: 1000 } },
      rules: {},
    });
    expect(declared.of(n1)?.policy.writerIdleMs).toBe(1000);
    declared.describe(n1, described());
    expect(declared.all()).toEqual([]);
  });

  it("is remembered until the bus says otherwise", () => {
    const before = new DeclaredConsoles();
    before.describe(n1, described("a"));
    const declared = new DeclaredConsoles();
    const policies = { nodes: { n1: { ...defaultPolicy(agentId("a"), "tcp"), rawPort: 7001 } } };
    declared.remember(before.all(), { ...policies, rules: {} });
    expect(declared.all()).toEqual([{ ...before.of(n1), policy: policies.nodes.n1 }]);
    expect(declared.policies?.nodes).toEqual(policies.nodes);
    declared.take({ nodes: {}, rules: {} });
    declared.remember([], { ...policies, rules: {} });
    expect(declared.policies?.nodes).toEqual({});
    declared.describe(n1, described("b"));
    expect(declared.of(n1)?.agent).toBe("b");
    declared.forget(n1);
    expect(declared.all()).toEqual([]);
  });
});
