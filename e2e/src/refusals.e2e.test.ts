import { topicOf } from "@outrider/contracts/contract";
import { nodeId } from "@outrider/contracts/ids";
import { ACTIONS, powerResult, powerSet, type PowerResult } from "@outrider/contracts/power";
import { mintCommandId } from "@outrider/messaging/mint-id";
import { eventually } from "@outrider/testing/eventually";
import { hasMosquittoClients, mosquittoSub } from "@outrider/testing/mqtt-cli";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Deployment } from "./deployment.js";
import type { NodeUnderTest } from "./node-under-test.js";
import { watched } from "./watched.js";

let lab: Deployment;

const REJECTED = { status: "Rejected", terminal: true };

/** The first terminal result of a node since the mark. */
function ending(node: NodeUnderTest): Promise<PowerResult> {
  return node.result("a terminal result", (one) => one.terminal);
}

describe.skipIf(!hasMosquittoClients())("what is refused, is refused at once and in words", () => {
  beforeAll(async () => {
    lab = await Deployment.start({
      rack: ["normal", "normal"],
      nodes: { n1: { rack: 1 }, n2: { rack: 2 }, bare: {} },
    });
    await lab.node("n1").command("On");
    await lab.node("n1").settles("On", "Running");
  });
  afterAll(() => lab?.[Symbol.asyncDispose]());
  watched(() => lab);

  test("a node that the site has not", async () => {
    const node = nodeId("nobody");
    const after = lab.bus.mark();
    await lab.bus.publish(topicOf(powerSet, { node }), "On");
    expect(await lab.bus.next(powerResult, { node }, () => true, after)).toMatchObject({
      ...REJECTED,
      reasonCode: "unknown-node",
      action: "On",
      actor: "person:operator",
    });
  });

  test("an action that the node's interfaces cannot do", async () => {
    const node = nodeId("bare");
    const after = lab.bus.mark();
    await lab.bus.publish(topicOf(powerSet, { node }), "Nmi");
    expect(await lab.bus.next(powerResult, { node }, () => true, after)).toMatchObject({
      ...REJECTED,
      reasonCode: "unsupported-action",
      detail: "this node cannot Nmi; no interface of it is bound",
    });
  });

  test("a retained command: nothing is done, nothing is stored (P2)", async () => {
    const node = lab.node("n1");
    await node.set("ForceOff", { retain: true });
    expect(await ending(node)).toMatchObject({ ...REJECTED, reasonCode: "retained" });
    await node.set({ action: "ForceOff", id: "kept" }, { retain: true, version: "mqttv311" });
    expect(await node.outcome("kept")).toMatchObject({ ...REJECTED, reasonCode: "retained" });
    const topic = topicOf(powerSet, { node: node.id });
    const { port } = lab;
    const who = await lab.identities.secret("person", "operator");
    await using late = await mosquittoSub([topic, topicOf(powerResult, { node: node.id })], {
      port,
      ...who,
    });
    // Whatever was stored would have come before this.
    await node.command("On");
    await late.next("the new result", (message) => message.payload.includes("terminal"));
    expect(late.messages.filter((message) => message.topic === topic && message.retain)).toEqual(
      [],
    );
    expect(await node.edgeNames()).toEqual([]);
  });

  test("a word that is no action; an empty one is nobody's wish", async () => {
    const node = lab.node("n1");
    await node.set("");
    await node.set("  ");
    await node.set("Off");
    const wrong = await ending(node);
    expect(wrong).toMatchObject({ ...REJECTED, reasonCode: "invalid" });
    for (const action of ACTIONS) expect(wrong.detail).toContain(action);
    await node.set('{"action": "On", "ttl": 5}');
    const extra = await node.result("the second answer", (one) => one.id !== wrong.id);
    expect(extra).toMatchObject({ ...REJECTED, reasonCode: "invalid" });
    expect(extra.detail).toContain("ttl");
    await node.command("On");
    // The two empty ones had no answer.
    expect(Object.keys(node.terminals())).toHaveLength(3);
    expect(await node.edgeNames()).toEqual([]);
  });

  test("another action while one runs; the same one joins", async () => {
    const node = lab.node("n1");
    const cycle = await node.ask("PowerCycle");
    await node.edge("supply-off");
    expect(await node.command("ForceOff")).toMatchObject({ ...REJECTED, reasonCode: "busy" });
    await node.set("PowerCycle");
    await node.set("PowerCycle", { version: "mqttv311", qos: 0 });
    expect(await node.outcome(cycle)).toMatchObject({ status: "Succeeded" });
    expect(await node.edgeNames()).toEqual(["supply-off/api", "supply-on/api"]);
    await node.settles("On", "Running");
  });

  test("the same id again repeats the outcome and does not act; also after every part was killed (P1)", async () => {
    const node = lab.node("n1");
    const once = `once-${mintCommandId()}`;
    const first = await node.command("PowerCycle", { id: once });
    expect(first).toMatchObject({ status: "Succeeded" });
    const told = (): number =>
      lab.bus
        .on(powerResult, { node: node.id })
        .filter(({ payload }) => payload?.id === once && payload.terminal).length;
    for (const again of [
      async () => {},
      () => lab.restartPower(),
      () => lab.restartAgent(),
      () => lab.restartBroker(),
    ]) {
      await again();
      const before = told();
      await node.ask("PowerCycle", { id: once });
      await eventually("the outcome again", () => told() > before);
    }
    expect(node.results().filter(({ id, terminal }) => id === once && terminal)).toEqual([first]);
    expect(await node.edgeNames()).toEqual(["supply-off/api", "supply-on/api"]);
  });

  test("who may only look, and who is nobody", async () => {
    const node = lab.node("n1");
    const viewer = await lab.identities.add("person", "watcher", "viewer");
    await node.set("ForceOff", viewer).catch(() => undefined);
    await node.set("ForceOff", { ...viewer, version: "mqttv311" }).catch(() => undefined);
    const nobody = { username: undefined, password: undefined } as never;
    await expect(node.set("ForceOff", nobody)).rejects.toThrow("mosquitto_pub ended with");
    await expect(node.set("ForceOff", { password: "wrong" })).rejects.toThrow(
      "mosquitto_pub ended",
    );
    const agent = await lab.identities.secret("agent", "lab");
    await node.set("ForceOff", agent).catch(() => undefined);
    const { port } = lab;
    await using eyes = await mosquittoSub(["outrider/v1/node/+/power/state"], { port, ...viewer });
    await eyes.next("the state", (message) => message.topic.includes("/n1/"));
    await node.command("On");
    expect(node.results().filter(({ action }) => action === "ForceOff")).toEqual([]);
    expect(await node.edgeNames()).toEqual([]);
  });

  test("a command that came too late to be started (P3); what was seen long ago is not shown as fresh (P9)", async () => {
    const node = lab.node("n1");
    lab.agent().signal("SIGSTOP");
    try {
      const late = await node.ask("ForceOff", { ttlMs: 100 });
      await eventually("the state is stale", () => node.state?.supply.value === "Unknown", {
        withinMs: 60_000,
      });
      lab.agent().signal("SIGCONT");
      const { status, reasonCode } = await node.outcome(late);
      // Whoever is held up for longer than the broker waits comes back in another session.
      expect(["Failed/expired", "Failed/stale-epoch"]).toContain(`${status}/${reasonCode}`);
    } finally {
      lab.agent().signal("SIGCONT");
    }
    await lab.managed();
    await node.settles("On", "Running");
    expect(await node.edgeNames()).toEqual([]);
  });

  test("an agent that is away, whether it left or was killed", async () => {
    const node = lab.node("n1");
    for (const end of [() => lab.agent().stop(), () => lab.agent().kill()]) {
      await end();
      await eventually("it is known", () => node.status?.management === "Unavailable");
      expect(await node.command("ForceOff")).toMatchObject({
        ...REJECTED,
        reasonCode: "agent-away",
        detail: expect.stringContaining("agent lab") as string,
      });
      const after = lab.bus.mark();
      await lab.agent().start();
      await lab.managed(after);
    }
    await node.settles("On", "Running");
    expect(await node.edgeNames()).toEqual([]);
  });
});
