import { AGENT_FAILPOINTS } from "@outrider/agent/failpoints";
import { agentStatus } from "@outrider/contracts/agent";
import { powerResult } from "@outrider/contracts/power";
import { serviceStatus } from "@outrider/contracts/service";
import { hasMosquittoClients } from "@outrider/testing/mqtt-cli";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Deployment } from "./deployment.js";
import {
  judge,
  lastWord,
  Matrix,
  MATRIX_ACTIONS,
  nodeOf,
  prepare,
  type MatrixAction,
} from "./faults/judge.js";
import { StopPoint, stopsAt } from "./faults/stopping.js";
import type { NodeUnderTest } from "./node-under-test.js";
import { watched } from "./watched.js";

/** Points that only a cycle passes. */
const OF_CYCLES: readonly string[] = ["agent.off-verified", "agent.dwelling", "agent.before-on"];

function passedBy(point: string): readonly MatrixAction[] {
  return OF_CYCLES.includes(point) ? ["PowerCycle"] : MATRIX_ACTIONS;
}

describe.skipIf(!hasMosquittoClients())("at every step of an agent (P1, P4, P5, P8)", () => {
  let lab: Deployment;
  const matrix = new Matrix("at a step of the agent");
  beforeAll(async () => {
    const agents = MATRIX_ACTIONS.map(nodeOf);
    lab = await Deployment.start({
      rack: agents.map(() => "normal" as const),
      rackTimes: { bootMs: 50, shutdownMs: 200 },
      agents,
      nodes: Object.fromEntries(
        agents.map((agent, at) => [
          agent,
          { rack: at + 1, agent, dwell: "300ms", gracefulLimit: "6s" },
        ]),
      ),
    });
  });
  afterAll(async () => {
    matrix.print();
    await lab?.[Symbol.asyncDispose]();
  });
  watched(() => lab);

  /** Starts the action's own agent anew, with something in store for it. */
  async function armed(
    action: MatrixAction,
    environment: Record<string, string>,
  ): Promise<NodeUnderTest> {
    const id = nodeOf(action);
    const node = lab.node(id);
    const after = lab.bus.mark();
    await lab.agent(id).restart(environment);
    await lab.bus.next(agentStatus, { agent: id }, ({ state }) => state === "ready", after);
    await node.managed(after);
    await prepare(node, action, lab.rack);
    await node.mark();
    return node;
  }

  test.for(AGENT_FAILPOINTS)("%s, the agent is killed", async (point) => {
    await all(
      passedBy(point).map(async (action) => {
        const node = await armed(action, { OUTRIDER_FAILPOINT: point });
        const agent = lab.agent(node.id);
        const id = await node.ask(action);
        expect((await agent.exited).signal).toBe("SIGKILL");
        await agent.start();
        matrix.set(
          `kill agent  ${point}`,
          action,
          await judge(node, action, await lastWord(node, action, id)),
        );
      }),
    );
  });

  test.for(AGENT_FAILPOINTS)("%s, the broker is killed", async (point) => {
    const stops = await all(
      passedBy(point).map(async (action) => {
        const stop = new StopPoint(point, lab.data);
        const node = await armed(action, stopsAt([stop]));
        const id = await node.ask(action);
        const agent = lab.agent(node.id);
        await stop.reached(agent);
        return { action, node, id, agent };
      }),
    );
    const after = lab.bus.mark();
    await lab.broker.restart();
    // Heard by the listener, which is thus back too.
    await lab.bus.next(serviceStatus, { service: "inventory" }, () => true, after);
    for (const { agent } of stops) agent.signal("SIGCONT");
    await all(
      stops.map(async ({ action, node, id }) => {
        matrix.set(
          `kill broker ${point}`,
          action,
          await judge(node, action, await lastWord(node, action, id)),
        );
      }),
    );
  });

  test("nobody has ever heard two terminal results of one id", () => {
    for (const { id } of lab.nodes) {
      const told = new Map<string, Set<number>>();
      for (const { payload } of lab.bus.on(powerResult, { node: id })) {
        if (!payload?.terminal) continue;
        told.set(payload.id, (told.get(payload.id) ?? new Set()).add(payload.seq));
      }
      for (const [command, numbers] of told) expect([command, ...numbers]).toHaveLength(2);
    }
  });
});

/** Like `Promise.all`, but waits for all also where one fails: another try begins with nobody at work. */
async function all<T>(promises: readonly Promise<T>[]): Promise<T[]> {
  await Promise.allSettled(promises);
  return Promise.all(promises);
}
