import { readFile } from "node:fs/promises";
import { agentCommand } from "@outrider/contracts/agent";
import { seconds, systemClock } from "@outrider/contracts/clock";
import { topicOf } from "@outrider/contracts/contract";
import { nodeId } from "@outrider/contracts/ids";
import { mintId } from "@outrider/messaging/mint-id";
import { eventually } from "@outrider/testing/eventually";
import { hasMosquittoClients, mosquittoPub } from "@outrider/testing/mqtt-cli";
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest";
import { AGENT, endpointOf, Stage } from "./testing/stage.js";

describe("what an agent refuses", () => {
  let stage: Stage;

  beforeAll(async () => {
    stage = await Stage.start();
    await stage.startAgent();
    await stage.configure([1, 2, 3, 4]);
    await stage.run(1, "On");
  });

  afterAll(() => stage[Symbol.asyncDispose]());

  it("a session that is over, and repeats that (P3)", async () => {
    const command = stage.command(1, "ForceOff", { epoch: "yesterday" });
    await stage.send(command);
    expect(await stage.terminal(command.id)).toMatchObject({
      status: "Rejected",
      reasonCode: "stale-epoch",
    });
    await stage.send({ ...command, epoch: stage.description?.epoch ?? "" });
    await eventually("the same again", () => stage.reports(command.id).length === 2);
    expect(stage.reports(command.id)[1]).toEqual(stage.reports(command.id)[0]);
  });

  it("a deadline that has passed (P3)", async () => {
    const reading = stage.command(1, "ForceOff").clock;
    expect(
      await stage.run(1, "ForceOff", {
        clock: { ...reading, ms: Math.max(0, reading.ms - 5000) },
        ttlMs: 400,
      }),
    ).toMatchObject({ status: "Rejected", reasonCode: "expired" });
  });

  it("a clock that it has not heard", async () => {
    const { ms } = stage.command(1, "ForceOff").clock;
    expect(await stage.run(1, "ForceOff", { clock: { id: mintId(), ms } })).toMatchObject({
      status: "Rejected",
      reasonCode: "clock-unknown",
    });
  });

  it("a lower fence than it has seen, also after a restart (P6)", async () => {
    expect(await stage.run(2, "ForceOff", { fence: 7 })).toMatchObject({ status: "Succeeded" });
    expect(await stage.run(2, "On", { fence: 6 })).toMatchObject({ reasonCode: "fenced" });
    await eventually("the fence is described", () => stage.description?.fences["n2"] === 7);
    await stage.restartAgent();
    expect(await stage.run(2, "On", { fence: 6 })).toMatchObject({ reasonCode: "fenced" });
    await stage.configure([1, 3, 4]);
    await stage.configure([1, 2, 3, 4]);
    // Whoever brings no token knows of no lock.
    expect(await stage.run(2, "On")).toMatchObject({ reasonCode: "fenced" });
    expect(await stage.supplyEdges(2)).toEqual([]);
  });

  it("a supply that is not as expected, read at that moment", async () => {
    await stage.rack.client.supply(3, true);
    expect(await stage.run(3, "ForceOff", { expect: { supply: "Off" } })).toMatchObject({
      reasonCode: "expectation-failed",
    });
    expect(await stage.run(3, "ForceOff", { expect: { supply: "On" } })).toMatchObject({
      status: "Succeeded",
    });
  });

  it("a second command on a busy endpoint, for good", async () => {
    await stage.configure([1, 2, 3, 4], { dwellMs: 1000 });
    await stage.run(4, "On");
    const before = (await stage.supplyEdges(4)).length;
    const cycle = await stage.send(stage.command(4, "PowerCycle"));
    await eventually("it runs", () =>
      stage.reports(cycle.id).some(({ status }) => status === "InProgress"),
    );
    const second = await stage.send(stage.command(4, "ForceOff"));
    expect(await stage.terminal(second.id)).toMatchObject({
      status: "Rejected",
      reasonCode: "busy",
    });
    await stage.send(cycle);
    expect(await stage.terminal(cycle.id)).toMatchObject({ status: "Succeeded" });
    await stage.send(second);
    await eventually("the refusal again", () => stage.reports(second.id).length === 2);
    expect(stage.reports(second.id)[1]).toEqual(stage.reports(second.id)[0]);
    expect((await stage.supplyEdges(4)).slice(before)).toEqual(["supply-off", "supply-on"]);
  });

  it("an endpoint that it does not have, and one of another node", async () => {
    expect(await stage.run(9, "On")).toMatchObject({ reasonCode: "unknown-endpoint" });
    expect(await stage.run(1, "ForceOff", { node: nodeId("n3") })).toMatchObject({
      reasonCode: "invalid",
    });
  });

  it.skipIf(!hasMosquittoClients())(
    "a retained command, without a word and without an act",
    async () => {
      const command = stage.command(1, "ForceOff");
      const topic = topicOf(agentCommand, { agent: AGENT, endpoint: endpointOf(1) });
      const { port } = stage.broker;
      onTestFinished(() => mosquittoPub(topic, "", { port, retain: true }));
      await mosquittoPub(topic, JSON.stringify(command), { port, retain: true });
      await eventually("it is logged", () =>
        stage.agent.stderr().includes("retained command was dropped"),
      );
      expect(stage.reports(command.id)).toEqual([]);
      await stage.restartAgent();
      await eventually("and again on the next session", () =>
        stage.agent.stderr().includes("retained command was dropped"),
      );
      expect(stage.reports(command.id)).toEqual([]);
      expect(await stage.supplyEdges(1)).toEqual(["supply-on"]);
    },
  );

  it("what was recorded before the disk let it start, when the time is over then", async () => {
    const file = `${stage.dir.path}/stopped`;
    await stage.restartAgent({ OUTRIDER_FAILPOINT: `agent.accepted:stop:${file}` });
    const command = await stage.send(stage.command(1, "ForceOff", { ttlMs: 300 }));
    await eventually("it is recorded, and stands still", async () => {
      const stat = await readFile(`/proc/${stage.agent.pid}/stat`, "utf8");
      return stat.includes(") T ");
    });
    await systemClock.sleep(seconds(0.5));
    await stage.agent.kill("SIGCONT");
    expect(await stage.terminal(command.id)).toMatchObject({
      status: "Rejected",
      reasonCode: "expired",
    });
    await eventually("with a number", () => stage.outcomes(command.id).length === 1);
    expect(await stage.supplyEdges(1)).toEqual(["supply-on"]);
  });
});
