import { agentCommand, type AgentCommand } from "@outrider/contracts/agent";
import { TOPIC_ROOT, topicOf } from "@outrider/contracts/contract";
import { commandId } from "@outrider/contracts/ids";
import { mintCommandId } from "@outrider/messaging/mint-id";
import { eventually } from "@outrider/testing/eventually";
import { hasMosquittoClients } from "@outrider/testing/mqtt-cli";
import { requirePeer } from "@outrider/testing/peers";
import { connectAsync, type MqttClient } from "mqtt";
import { afterAll, beforeAll, beforeEach, describe, expect, onTestFinished, test } from "vitest";
import { Deployment } from "./deployment.js";
import type { NodeUnderTest } from "./node-under-test.js";
import { watched } from "./watched.js";

interface Captured {
  readonly command: AgentCommand;
  readonly capturedMs: number;
}

const isRunnable = hasMosquittoClients() && requirePeer("mosquitto", "apt-get install mosquitto");

/** On a broker where everybody may do everything: what our own never lets happen has to be harmless all the same. */
describe.skipIf(!isRunnable)("commands on the agent plane that come as they should not", () => {
  let lab: Deployment;
  let node: NodeUnderTest;
  let client: MqttClient;
  const captured: Captured[] = [];
  /** How often whatever the service sends is sent once more by a stranger. */
  let copies = 0;

  beforeAll(async () => {
    lab = await Deployment.start({
      broker: "mosquitto",
      rack: ["normal"],
      rackTimes: { bootMs: 50, shutdownMs: 200 },
      nodes: { n1: { rack: 1, dwell: "300ms", gracefulLimit: "6s" } },
    });
    node = lab.node("n1");
    client = await connectAsync(lab.url, { protocolVersion: 5 });
    const known = new Set<string>();
    client.on("message", (_topic, payload) => {
      if (payload.length === 0) return;
      const command = JSON.parse(payload.toString()) as AgentCommand;
      if (known.has(command.id)) return;
      known.add(command.id);
      captured.push({ command, capturedMs: performance.now() });
      for (let copy = 0; copy < copies; copy++) client.publish(topic(), payload, { qos: 1 });
    });
    await client.subscribeAsync(`${TOPIC_ROOT}agent/+/command/+`, { qos: 1 });
  });
  afterAll(async () => {
    await client?.endAsync(true);
    await lab?.[Symbol.asyncDispose]();
  });
  watched(() => lab);
  beforeEach(() => {
    copies = 0;
  });

  function topic(): string {
    return topicOf(agentCommand, { agent: "lab", endpoint: "n1.power" });
  }

  async function send(command: AgentCommand, retain = false): Promise<void> {
    await client.publishAsync(topic(), JSON.stringify(command), { qos: 1, retain });
  }

  /** Another command as the service would issue it now. */
  function forged(changes: Partial<AgentCommand> = {}): AgentCommand {
    const newest = captured.at(-1);
    if (!newest) throw new Error("nothing was captured");
    const { command, capturedMs } = newest;
    const ms = command.clock.ms + performance.now() - capturedMs;
    return {
      ...command,
      id: commandId(mintCommandId()),
      clock: { ...command.clock, ms },
      ...changes,
    };
  }

  /** Once a command that came after all others is through, they have had their chance. */
  async function everythingWasHeard(): Promise<void> {
    const before = captured.length;
    expect(await node.command("On")).toMatchObject({ status: "Succeeded", terminal: true });
    await eventually("the last command is captured", () => captured.length > before);
  }

  async function isOn(): Promise<void> {
    await node.command("On");
    await node.settles("On", "Running");
    await node.mark();
  }

  test("each one four times, without a flag that says so (P1)", async () => {
    await isOn();
    copies = 3;
    for (const [action, edges] of [
      ["ForceOff", ["supply-off/api"]],
      ["On", ["supply-on/api"]],
      ["PowerCycle", ["supply-off/api", "supply-on/api"]],
      ["PushPowerButton", ["press/api"]],
    ] as const) {
      await node.mark();
      const { id, status } = await node.command(action);
      expect([action, status]).toEqual([action, "Succeeded"]);
      expect(await node.edgeNames()).toEqual(expect.arrayContaining([...edges]));
      expect((await node.edges()).filter(({ cause }) => cause === "api")).toHaveLength(
        edges.length,
      );
      expect(node.terminals()[id]).toBe(1);
    }
    await node.command("PowerCycle");
    await node.settles("On", "Running");
  });

  test("all of them again, the last one first, three times", async () => {
    await isOn();
    for (let round = 0; round < 3; round++) {
      for (const { command } of captured.toReversed()) await send(command);
    }
    await everythingWasHeard();
    expect(await node.edgeNames()).toEqual([]);
  });

  test("a retained one never acts, neither now nor for whoever subscribes later (P2)", async () => {
    await isOn();
    await send(forged({ action: "ForceOff" }));
    await node.edge("supply-off");
    // So it would have been obeyed.
    await isOn();
    onTestFinished(
      async () => void (await client.publishAsync(topic(), "", { qos: 1, retain: true })),
    );
    const kept = forged({ action: "ForceOff", ttlMs: 600_000 });
    await send(kept, true);
    await everythingWasHeard();
    await lab.restartAgent();
    await everythingWasHeard();
    await send({ ...kept, ...forged({ action: "ForceOff", ttlMs: 600_000 }) }, true);
    await lab.restartAgent();
    await everythingWasHeard();
    expect(await node.edgeNames()).toEqual([]);
  });

  test("yesterday's, after the agent was started anew, whatever is changed about them (P1, P3)", async () => {
    await isOn();
    const yesterday = captured.map(({ command }) => command);
    await lab.restartAgent();
    await everythingWasHeard();
    const { epoch, clock } = forged();
    for (const command of yesterday) {
      await send(command);
      await send({ ...command, epoch });
      await send({ ...command, epoch, clock });
      // Never seen, but too old, or for a session that is over.
      const fresh = { ...command, action: "ForceOff", id: commandId(mintCommandId()) } as const;
      await send(fresh);
      await send({ ...fresh, id: commandId(mintCommandId()), epoch, ttlMs: 100 });
      await send({ ...fresh, id: commandId(mintCommandId()), clock });
    }
    await everythingWasHeard();
    expect(await node.edgeNames()).toEqual([]);
  });
});
