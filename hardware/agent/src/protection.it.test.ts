import type { RestorePolicy } from "@outrider/contracts/agent";
import { eventually } from "@outrider/testing/eventually";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { endpointId } from "@outrider/contracts/ids";
import { endpointOf, nodeOf, Stage } from "./testing/stage.js";

/** Design §3.7 and P4, P8, P11: what an agent does without being told, and what it leaves. */
describe("an agent left alone", () => {
  let stage: Stage;

  /** Each try of a test has a slot of its own, and another one. */
  let slot = 0;
  let other = 0;

  beforeAll(async () => {
    stage = await Stage.start({ slots: 90 });
  });

  beforeEach(async () => {
    slot += 2;
    other = slot - 1;
    await stage.ensureAgent();
  });

  afterAll(() => stage[Symbol.asyncDispose]());

  const watched = async (restore: RestorePolicy): Promise<void> => {
    await stage.configure([slot], { restore, sampleEveryMs: 100 });
    await stage.run(slot, "On");
    await stage.seen(slot, "On");
  };

  it.each(["AlwaysOn", "Restore"] as const)("brings back what was lost: %s", async (restore) => {
    await watched(restore);
    await stage.rack.client.brownOut(slot);
    await eventually("it is restored", () => stage.incidents(slot).includes("restored"));
    expect(stage.incidents(slot)).toEqual(["supply-lost", "restored"]);
    expect(await stage.supplyEdges(slot)).toEqual(["supply-on", "brown-out", "supply-on"]);
    await stage.seen(slot, "On");
  });

  it.each(["None", "AlwaysOff"] as const)(
    "says what was lost and leaves it: %s",
    async (restore) => {
      await watched(restore);
      await stage.rack.client.brownOut(slot);
      await eventually("the loss is told", () => stage.incidents(slot).includes("supply-lost"));
      await stage.seen(slot, "Off");
      await stage.restartAgent();
      await stage.seen(slot, "Off");
      expect(stage.incidents(slot)).toEqual(["supply-lost"]);
      expect(await stage.supplyEdges(slot)).toEqual(["supply-on", "brown-out"]);
    },
  );

  it("leaves off what a command switched off, also over a restart, and restores it as off", async () => {
    await watched("Restore");
    await stage.run(slot, "ForceOff");
    await stage.restartAgent();
    await stage.seen(slot, "Off");
    stage.boot();
    await stage.restartAgent();
    await stage.seen(slot, "Off");
    expect(await stage.supplyEdges(slot)).toEqual(["supply-on", "supply-off"]);
    expect(stage.incidents(slot)).toEqual([]);
  });

  it("has one occasion for each boot of its host, and none for a restart", async () => {
    await watched("AlwaysOn");
    await stage.run(slot, "ForceOff");
    stage.boot();
    await stage.restartAgent();
    await eventually("it is restored", () => stage.incidents(slot).includes("restored"));
    await stage.run(slot, "ForceOff");
    await stage.restartAgent();
    await stage.seen(slot, "Off");
    expect(stage.incidents(slot)).toEqual(["restored"]);
    expect(await stage.supplyEdges(slot)).toEqual([
      "supply-on",
      "supply-off",
      "supply-on",
      "supply-off",
    ]);
  });

  it("switches off after a boot what is always to be off", async () => {
    await watched("AlwaysOff");
    stage.boot();
    await stage.restartAgent();
    await eventually("it is off", () => stage.incidents(slot).includes("restored"));
    expect(await stage.supplyEdges(slot)).toEqual(["supply-on", "supply-off"]);
  });

  it("starts without the broker from what it last knew, and restores; the word of it is kept (P8)", async () => {
    await watched("AlwaysOn");
    await stage.broker.stop();
    await stage.agent.kill();
    stage.boot();
    await stage.rack.client.brownOut(slot);
    await stage.startAgent();
    await eventually("it is on", async () => (await stage.supplyEdges(slot)).length === 3);
    await stage.broker.restart();
    await eventually("it tells", () => stage.incidents(slot).includes("restored"));
    expect(stage.incidents(slot)).toEqual(["supply-lost", "restored"]);
    expect(await stage.supplyEdges(slot)).toEqual(["supply-on", "brown-out", "supply-on"]);
  });

  it("tries three times, latches a fault that outlives it, and a person's On clears that (P11)", async () => {
    await watched("AlwaysOn");
    await stage.rack.client.faults(slot, { refuseOn: true });
    await stage.rack.client.brownOut(slot);
    await eventually("a fault is latched", () => stage.incidents(slot).includes("fault-latched"), {
      withinMs: 40_000,
    });
    expect(stage.incidents(slot)).toEqual(["supply-lost", "restore-failed", "fault-latched"]);
    await eventually("it is shown", () => stage.observation(slot)?.fault !== undefined);
    await eventually("it is described", () => stage.described(slot)?.fault !== undefined);
    await stage.rack.client.faults(slot, {});
    await stage.restartAgent();
    expect(await stage.run(slot, "PowerCycle")).toMatchObject({ reasonCode: "fault-latched" });
    expect(await stage.run(slot, "On", { via: "policy" })).toMatchObject({
      reasonCode: "fault-latched",
    });
    await stage.rack.client.faults(slot, { refuseOn: 1 });
    expect(await stage.run(slot, "On")).toMatchObject({ status: "Failed", reasonCode: "refused" });
    expect(await stage.run(slot, "On")).toMatchObject({ status: "Succeeded", changed: true });
    await eventually("it is cleared", () => stage.observation(slot)?.fault === undefined);
    expect(stage.incidents(slot).slice(3)).toEqual(["fault-cleared"]);
    expect(await stage.supplyEdges(slot)).toEqual(["supply-on", "brown-out", "supply-on"]);
  });

  it("does not leave off what it cycled, when the device refuses twice (P4)", async () => {
    await watched("None");
    await stage.rack.client.faults(slot, { refuseOn: 2 });
    expect(await stage.run(slot, "PowerCycle")).toMatchObject({ status: "Succeeded" });
    expect(await stage.supplyEdges(slot)).toEqual(["supply-on", "supply-off", "supply-on"]);
  });

  it("gives a cycle up with a latched fault when the device refuses for good (P4)", async () => {
    await watched("None");
    await stage.rack.client.faults(slot, { refuseOn: true });
    expect(await stage.run(slot, "PowerCycle")).toMatchObject({
      status: "Failed",
      reasonCode: "fault-latched",
    });
    expect(stage.incidents(slot)).toEqual(["fault-latched"]);
  });

  it("takes back an off that is not obeyed", async () => {
    await watched("None");
    await stage.rack.client.faults(slot, { stuckOn: true });
    expect(await stage.run(slot, "PowerCycle")).toMatchObject({
      status: "Failed",
      reasonCode: "not-verified",
    });
    expect(await stage.supplyEdges(slot)).toEqual(["supply-on"]);
  });

  it("brings back what was lost after a ForceOff that was refused", async () => {
    await watched("AlwaysOn");
    await stage.rack.client.faults(slot, { refuseOff: true });
    expect(await stage.run(slot, "ForceOff")).toMatchObject({
      status: "Failed",
      reasonCode: "refused",
    });
    await stage.rack.client.faults(slot, {});
    await stage.rack.client.brownOut(slot);
    await eventually("it is restored", () => stage.incidents(slot).includes("restored"));
    expect(stage.incidents(slot)).toEqual(["supply-lost", "restored"]);
    expect(await stage.supplyEdges(slot)).toEqual(["supply-on", "brown-out", "supply-on"]);
  });

  it("says that a device is silent, does nothing to it, and is not held up by it", async () => {
    await stage.configure([slot, other], { sampleEveryMs: 100 });
    await stage.run(slot, "On");
    await stage.rack.client.faults(slot, { silent: true });
    expect(await stage.run(slot, "ForceOff")).toMatchObject({
      status: "Failed",
      reasonCode: "timed-out",
    });
    expect(await stage.run(other, "On")).toMatchObject({ status: "Succeeded" });
    expect(await stage.supplyEdges(slot)).toEqual(["supply-on"]);
    expect(stage.observation(slot)).toMatchObject({ supply: "Unknown" });
    expect(stage.observation(slot)?.problem).toBeDefined();
  });

  it("serves others while it recovers a cycle of a silent device, and finishes that when it speaks", async () => {
    await stage.configure([slot, other], { sampleEveryMs: 100 });
    await stage.run(slot, "On");
    await stage.restartAgent({ OUTRIDER_FAILPOINT: "agent.dwelling" }, "SIGTERM");
    const cycle = await stage.send(stage.command(slot, "PowerCycle"));
    await stage.agent.exited;
    await stage.rack.client.faults(slot, { silent: true });
    const { epoch } = stage.description ?? {};
    await stage.startAgent();
    await eventually("a new session", () => stage.description?.epoch !== epoch);
    expect(await stage.run(other, "On")).toMatchObject({ status: "Succeeded" });
    expect(await stage.run(slot, "ForceOff")).toMatchObject({ reasonCode: "busy" });
    await stage.rack.client.faults(slot, {});
    expect(await stage.terminal(cycle.id)).toMatchObject({ status: "Succeeded" });
    expect(await stage.supplyEdges(slot)).toEqual(["supply-on", "supply-off", "supply-on"]);
  });

  it("finishes a cycle of an endpoint that was not configured when it recovered, once it is again (P4)", async () => {
    await stage.configure([slot, other], { dwellMs: 60_000 });
    await stage.run(slot, "On");
    const cycle = await stage.send(stage.command(slot, "PowerCycle"));
    await eventually("it dwells", () =>
      stage.reports(cycle.id).some(({ status }) => status === "InProgress"),
    );
    const without = stage.configure([other]);
    await eventually("it is to be taken away", () => stage.described(slot)?.state === "failed");
    await stage.agent.kill("SIGKILL");
    await stage.startAgent();
    await without;
    expect(await stage.terminal(cycle.id)).toMatchObject({ status: "Unknown" });
    expect(await stage.supplyEdges(slot)).toEqual(["supply-on", "supply-off"]);
    await stage.configure([slot, other]);
    await eventually("it is finished", () => stage.incidents(slot).length > 0);
    expect(stage.incidents(slot)).toEqual(["cycle-finished"]);
    expect(await stage.supplyEdges(slot)).toEqual(["supply-on", "supply-off", "supply-on"]);
  });

  it("opens what it can of a configuration and says what is wrong with the rest", async () => {
    await stage.configure([slot, other]);
    expect(stage.described(slot)).toMatchObject({ state: "bound" });
    const reset = endpointId(nodeOf(100), "reset");
    await stage.configureEndpoints([
      stage.desired(slot),
      { ...stage.desired(other), driver: "gpoi" },
      { ...stage.desired(99), options: { socket: stage.rack.listen, slot: "one" } },
      { ...stage.desired(100), port: "reset", driver: "no-such", endpoint: reset },
    ]);
    const states = stage.description?.endpoints.map(({ endpoint, state }) => [endpoint, state]);
    expect(new Map(states as [string, string][])).toEqual(
      new Map([
        [endpointOf(slot), "bound"],
        [endpointOf(other), "failed"],
        [endpointOf(99), "failed"],
        [reset, "failed"],
      ]),
    );
    expect(stage.described(other)?.reason).toContain("simulated");
    expect(stage.described(99)?.reason).toContain("slot");
    expect(await stage.run(slot, "On")).toMatchObject({ status: "Succeeded" });
    expect(await stage.run(other, "On")).toMatchObject({ reasonCode: "endpoint-failed" });
  });

  it("changes an endpoint with a cycle under way only after that", async () => {
    await stage.configure([slot], { dwellMs: 1500 });
    await stage.run(slot, "On");
    const cycle = await stage.send(stage.command(slot, "PowerCycle"));
    await eventually("it runs", () =>
      stage.reports(cycle.id).some(({ status }) => status === "InProgress"),
    );
    await stage.configure([other]);
    expect(await stage.terminal(cycle.id)).toMatchObject({ status: "Succeeded" });
    expect(stage.described(slot)).toBeUndefined();
    expect(stage.described(other)).toBeDefined();
    expect(await stage.supplyEdges(slot)).toEqual(["supply-on", "supply-off", "supply-on"]);
  });

  it("ends a cycle before it obeys SIGTERM, and tells", async () => {
    await watched("None");
    const cycle = await stage.send(stage.command(slot, "PowerCycle"));
    await eventually("it runs", () =>
      stage.reports(cycle.id).some(({ status }) => status === "InProgress"),
    );
    await stage.agent.kill("SIGTERM");
    expect((await stage.agent.exited).code).toBe(0);
    expect(await stage.terminal(cycle.id)).toMatchObject({ status: "Succeeded" });
  });

  it("keeps what it has to say until it is acknowledged", async () => {
    // A second try begins where the first one left off.
    stage.acknowledges = true;
    await watched("None");
    stage.acknowledges = false;
    const { id } = await stage.send(stage.command(slot, "ForceOff"));
    await stage.terminal(id);
    await stage.restartAgent();
    await eventually(
      "it is told again",
      () =>
        stage.events.filter(
          ({ seq, command }) => seq !== undefined && command?.id === id && command.terminal,
        ).length >= 2,
    );
    stage.acknowledges = true;
    await stage.restartAgent();
    await eventually(
      "it is told once more",
      () =>
        stage.events.filter(({ seq, command }) => seq !== undefined && command?.id === id).length >=
        3,
    );
    expect(stage.outcomes(id)).toHaveLength(1);
    const told = stage.events.length;
    await stage.restartAgent({}, "SIGTERM");
    expect(stage.events.slice(told).filter(({ command }) => command?.id === id)).toEqual([]);
  });

  it("is one process: a second one is told who has it", async () => {
    await expect(stage.startAnother()).rejects.toThrow(/pid \d+/);
  });
});
