import { readdir } from "node:fs/promises";
import { seconds, systemClock } from "@outrider/contracts/clock";
import { TOPIC_ROOT } from "@outrider/contracts/contract";
import { COMMAND_ID_PATTERN } from "@outrider/contracts/ids";
import { powerResult } from "@outrider/contracts/power";
import { within } from "@outrider/testing/eventually";
import { hasMosquittoClients } from "@outrider/testing/mqtt-cli";
import { connectAsync } from "mqtt";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Deployment } from "./deployment.js";
import { edgesOf, judge, lastWord } from "./faults/judge.js";
import type { NodeUnderTest } from "./node-under-test.js";
import { watched } from "./watched.js";

const PARTITION = seconds(9);

describe.skipIf(!hasMosquittoClients())("wires and strangers", () => {
  let lab: Deployment;
  beforeAll(async () => {
    lab = await Deployment.start({
      rack: ["normal"],
      nodes: { n1: { rack: 1, dwell: "300ms" } },
      cuttable: ["agent", "power"],
    });
    await lab.node("n1").command("On");
  });
  afterAll(() => lab?.[Symbol.asyncDispose]());
  watched(() => lab);

  const isOn = async (node: NodeUnderTest): Promise<void> => {
    await node.command("On");
    await node.settles("On");
    await node.mark();
  };
  const partition = (): Promise<void> => systemClock.sleep(PARTITION, within());

  test("P3: what the agent hears nine seconds late, and had to start within two, is never done", async () => {
    const node = lab.node("n1");
    await isOn(node);
    lab.wire("agent").hold("both");
    const id = await node.ask("ForceOff", { ttlMs: 2_000 });
    await partition();
    lab.wire("agent").heal();
    const result = await lastWord(node, "ForceOff", id);
    expect(result).toMatchObject({ status: "Failed" });
    expect(["expired", "stale-epoch"]).toContain(result.reasonCode);
    expect(await edgesOf(node)).toMatchObject({ off: 0, on: 0 });
    await lab.managed();
    await node.command("On");
    expect(await node.edgeNames()).toEqual([]);
  });

  test.for(["agent", "power"] as const)(
    "a command inside nine seconds without a wire to %s",
    async (part) => {
      const node = lab.node("n1");
      await isOn(node);
      const id = await node.ask("PowerCycle");
      if (part === "power") await node.result("accepted", (one) => one.id === id);
      lab.wire(part).blackhole("both");
      await partition();
      lab.wire(part).heal();
      await judge(node, "PowerCycle", await lastWord(node, "PowerCycle", id));
    },
  );

  test("P7: whoever else comes with the power service's credential is refused while it is there", async () => {
    const secret = await lab.identities.secret("service", "power");
    const connecting = connectAsync(lab.url, {
      ...secret,
      clientId: "another-power",
      protocolVersion: 5,
      reconnectPeriod: 0,
      connectTimeout: 5_000,
    });
    await expect(connecting).rejects.toThrow(
      /not authorized|refused|in use|banned|unavailable|invalid|closed/i,
    );
    expect(await lab.node("n1").command("On")).toMatchObject({ status: "Succeeded" });
  });

  test("P15: hostile ids reach no topic level, no path and no log", async () => {
    const hostile = [
      "EVIL-upper",
      "evil..path",
      "evil%2e%2e",
      "evil\u202Eflip",
      "evil\u001b[31mred",
      "evil\nline",
      "evil'; drop",
      "evil$(id)",
      `evil${"x".repeat(200)}`,
      "__proto__evil",
    ];
    const secret = await lab.identities.secret("person", "operator");
    for (const id of hostile) {
      // The broker may cut whoever does so: each time anew.
      const client = await connectAsync(lab.url, {
        ...secret,
        protocolVersion: 5,
        reconnectPeriod: 0,
      });
      const topics = [
        `node/${id}/power/set`,
        `agent/${id}/command/${id}.power`,
        `service/${id}/status`,
      ];
      for (const topic of topics) {
        client.publish(`${TOPIC_ROOT}${topic}`, '{"action":"On"}', { qos: 0 }, () => undefined);
      }
      client.publish(
        `${TOPIC_ROOT}node/n1/power/set`,
        JSON.stringify({ action: "On", id }),
        { qos: 0 },
        () => undefined,
      );
      await client.endAsync().catch(() => undefined);
    }
    const node = lab.node("n1");
    for (const id of hostile.filter((one) => COMMAND_ID_PATTERN.test(one))) await node.outcome(id);
    const said = lab.bus.heard.filter(({ topic }) => !topic.endsWith("/set"));
    for (const { topic, payload } of said) {
      expect(topic).not.toMatch(/evil/i);
      if (topic.endsWith("/power/result"))
        expect((payload as { id: string }).id).toMatch(COMMAND_ID_PATTERN);
    }
    const files = await readdir(lab.data, { recursive: true });
    expect(files.filter((file) => /evil/i.test(file))).toEqual([]);
    const logs = [lab.broker, lab.power, lab.inventory, lab.agent()]
      .map((part) => part.log())
      .join("\n");
    // Some may be the id of a command, though of no node.
    const neverRaw = hostile.filter((id) => !COMMAND_ID_PATTERN.test(id));
    for (const raw of neverRaw) {
      expect(logs.split("\n").filter((line) => line.includes(raw))).toEqual([]);
    }
    // They were refused aloud, and not by silence.
    const refused = lab.bus
      .on(powerResult, { node: "n1" })
      .filter(({ payload }) => payload?.reasonCode === "invalid");
    expect(refused.length).toBeGreaterThan(0);
    expect(await node.edgeNames()).toEqual([]);
  });
});
