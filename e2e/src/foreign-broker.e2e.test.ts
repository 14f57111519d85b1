import { topicOf } from "@outrider/contracts/contract";
import { powerSet } from "@outrider/contracts/power";
import { hasMosquitto } from "@outrider/testing/broker";
import { hasMosquittoClients, mosquittoSub } from "@outrider/testing/mqtt-cli";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Deployment } from "./deployment.js";
import { watched } from "./watched.js";

let lab: Deployment;

describe.skipIf(!hasMosquitto() || !hasMosquittoClients())("with mosquitto as the broker", () => {
  beforeAll(async () => {
    lab = await Deployment.start({
      broker: "mosquitto",
      rack: ["normal"],
      nodes: { n1: { rack: 1 } },
    });
  });
  afterAll(() => lab?.[Symbol.asyncDispose]());
  watched(() => lab);

  test("nodes are acted on, and nobody is believed to be who he says", async () => {
    const node = lab.node("n1");
    await node.isOff();
    await node.set("On", { properties: { "outrider-actor": "person:root" } });
    expect(await node.result("the end of On", (one) => one.terminal)).toMatchObject({
      status: "Succeeded",
      actor: "mqtt:unattributed",
    });
    expect(await node.command("PowerCycle")).toMatchObject({ status: "Succeeded" });
    expect(await node.command("GracefulShutdown")).toMatchObject({ status: "Succeeded" });
    expect(await node.edgeNames()).toEqual([
      "supply-on/api",
      "supply-off/api",
      "supply-on/api",
      "press/api",
      "halted/guest",
    ]);
    await node.settles("On", "Halted");
  });

  test("a retained command is refused and cleared", async () => {
    const node = lab.node("n1");
    await node.set({ action: "ForceOff", id: "kept" }, { retain: true });
    expect(await node.outcome("kept")).toMatchObject({
      status: "Rejected",
      reasonCode: "retained",
    });
    await node.set('"nothing that could be read', { retain: true });
    await node.result("the second refusal", (one) => one.reasonCode === "invalid");
    expect(await node.command("PowerCycle")).toMatchObject({ status: "Succeeded" });
    const topics = [topicOf(powerSet, { node: node.id }), "outrider/v1/node/n1/power/state"];
    await using late = await mosquittoSub(topics, { port: lab.port });
    await late.next("the state", (message) => message.topic === topics[1]);
    expect(late.messages.filter(({ topic }) => topic === topics[0])).toEqual([]);
    expect(await node.edgeNames()).toEqual(["supply-off/api", "supply-on/api"]);
  });

  test("whoever was killed comes back, and does nothing again", async () => {
    const node = lab.node("n1");
    await lab.restartAgent();
    await lab.restartPower();
    await node.settles("On", "Running");
    expect(await node.edgeNames()).toEqual([]);
  });
});
