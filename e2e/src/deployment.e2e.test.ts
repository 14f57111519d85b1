import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { hasMosquittoClients } from "@outrider/testing/mqtt-cli";
import { Deployment } from "./deployment.js";
import { watched } from "./watched.js";

describe.skipIf(!hasMosquittoClients())("a deployment with simulated machines", () => {
  let lab: Deployment;
  beforeAll(async () => {
    lab = await Deployment.start({
      rack: ["normal", "normal"],
      nodes: { n1: { rack: 1 }, n2: { rack: 2 } },
    });
  });
  afterAll(() => lab[Symbol.asyncDispose]());
  watched(() => lab);

  test("a node is switched on, cycled and off, and every part can be ended and comes back", async () => {
    const node = lab.node("n1");
    expect(await node.command("On")).toMatchObject({ status: "Succeeded" });
    await node.settles("On", "Running");
    await lab.restartAgent();
    expect(await node.command("PowerCycle")).toMatchObject({ status: "Succeeded" });
    await lab.restartPower();
    await lab.restartBroker();
    expect(await node.command("ForceOff")).toMatchObject({ status: "Succeeded" });
    await node.settles("Off");
    expect(await node.edgeNames()).toEqual([
      "supply-on/api",
      "supply-off/api",
      "supply-on/api",
      "supply-off/api",
    ]);
    expect(Object.values(node.terminals())).toEqual([1, 1, 1]);
  });
});
