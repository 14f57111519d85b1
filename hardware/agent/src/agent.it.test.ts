import { readdir, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { silentLog } from "@outrider/messaging/log";
import { beforeRetry } from "@outrider/testing/before-retry";
import { eventually } from "@outrider/testing/eventually";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startAgent } from "./agent.js";
import { readAgentConfig } from "./config.js";
import { endpointOf, Stage } from "./testing/stage.js";

describe("an agent with a simulated rack", () => {
  let stage: Stage;

  beforeAll(async () => {
    stage = await Stage.start();
    await stage.startAgent();
    await stage.configure([1, 2, 3, 4]);
  });

  afterAll(() => stage[Symbol.asyncDispose]());
  beforeRetry(async () => {
    if (!stage.broker.running()) await stage.broker.restart();
    await stage.ensureAgent();
    await stage.configure([1, 2, 3, 4]);
  });

  it("switches on, once, and says what it read back", async () => {
    await stage.run(1, "ForceOff");
    const before = (await stage.supplyEdges(1)).length;
    const command = await stage.send(stage.command(1, "On"));
    expect(await stage.terminal(command.id)).toMatchObject({ status: "Succeeded", changed: true });
    expect(stage.reports(command.id).map(({ status }) => status)).toEqual([
      "Accepted",
      "Succeeded",
    ]);
    expect((await stage.supplyEdges(1)).slice(before)).toEqual(["supply-on"]);
    await stage.seen(1, "On");
    await stage.send(command);
    await eventually("the outcome is repeated", () => stage.reports(command.id).length === 3);
    expect(stage.reports(command.id)[2]).toEqual(stage.reports(command.id)[1]);
    expect((await stage.supplyEdges(1)).slice(before)).toEqual(["supply-on"]);
  });

  it("has nothing to do when it is so already", async () => {
    await stage.run(1, "On");
    const before = (await stage.supplyEdges(1)).length;
    expect(await stage.run(1, "On")).toMatchObject({ status: "Succeeded", changed: false });
    expect(await stage.run(1, "ForceOff")).toMatchObject({ status: "Succeeded", changed: true });
    expect(await stage.run(1, "ForceOff")).toMatchObject({ status: "Succeeded", changed: false });
    expect((await stage.supplyEdges(1)).slice(before)).toEqual(["supply-off"]);
    await stage.seen(1, "Off");
  });

  it("cycles: off, dwell, on, each once", async () => {
    await stage.run(2, "On");
    const before = (await stage.rack.client.edges({ slot: 2 })).length;
    expect(await stage.run(2, "PowerCycle")).toMatchObject({ status: "Succeeded", changed: true });
    const [off, on, ...more] = (await stage.rack.client.edges({ slot: 2 }))
      .slice(before)
      .filter(({ edge }) => edge.startsWith("supply-"));
    expect([off?.edge, on?.edge, more]).toEqual(["supply-off", "supply-on", []]);
    expect((on?.monotonicMs ?? 0) - (off?.monotonicMs ?? 0)).toBeGreaterThanOrEqual(149);
  });

  it("describes its endpoints and drivers", () => {
    expect(stage.description?.endpoints).toHaveLength(4);
    expect(stage.description?.endpoints[0]).toMatchObject({
      endpoint: endpointOf(1),
      state: "bound",
      actions: ["On", "ForceOff", "PowerCycle", "ForceRestart", "PushPowerButton", "Nmi"],
    });
    expect(stage.description?.drivers.map(({ driver }) => driver)).toContain("simulated");
  });

  it("acts once however often a command comes, and says the same each time", async () => {
    await stage.run(3, "ForceOff");
    const before = (await stage.supplyEdges(3)).length;
    const command = stage.command(3, "On");
    await Promise.all(Array.from({ length: 8 }, () => stage.send(command)));
    await stage.terminal(command.id);
    await stage.send(command);
    await eventually("each was answered", () => stage.reports(command.id).length >= 10);
    expect((await stage.supplyEdges(3)).slice(before)).toEqual(["supply-on"]);
    await eventually("one outcome", () => stage.outcomes(command.id).length === 1);
    const statuses = new Set(stage.reports(command.id).map(({ status }) => status));
    expect(statuses).toEqual(new Set(["Accepted", "Succeeded"]));
  });

  it("serves endpoints beside each other", async () => {
    await stage.configure([1, 2, 3, 4], { dwellMs: 700 });
    const slots = [1, 2, 3, 4];
    await Promise.all(slots.map((slot) => stage.run(slot, "On")));
    const outcomes = await Promise.all(slots.map((slot) => stage.run(slot, "PowerCycle")));
    expect(outcomes.map(({ status }) => status)).toEqual(slots.map(() => "Succeeded"));
    const edges = (await stage.rack.client.edges()).slice(-8).map(({ edge }) => edge);
    expect(edges.slice(0, 4)).toEqual(slots.map(() => "supply-off"));
    expect(edges.slice(4)).toEqual(slots.map(() => "supply-on"));
  });

  it("finishes a cycle when the broker goes, and tells when there is one again", async () => {
    const cycle = await stage.send(stage.command(1, "PowerCycle"));
    await eventually("it runs", () =>
      stage.reports(cycle.id).some(({ status }) => status === "InProgress"),
    );
    const edges = (await stage.supplyEdges(1)).length;
    await stage.broker.kill();
    await eventually("it is on", async () => (await stage.supplyEdges(1)).length === edges + 1);
    await stage.broker.restart();
    expect(await stage.terminal(cycle.id)).toMatchObject({ status: "Succeeded" });
    await stage.bound();
  });

  it("makes directories that are nobody else's to read", async () => {
    const data = join(stage.dir.path, "made", "data");
    const config = readAgentConfig({
      OUTRIDER_AGENT: "a2",
      OUTRIDER_MQTT_URL: stage.broker.url,
      OUTRIDER_DATA: data,
    });
    const defects: unknown[] = [];
    const agent = await startAgent(config, {
      log: silentLog,
      defect: (error) => void defects.push(error),
    });
    await agent.stop();
    expect(defects).toEqual([]);
    for (const directory of [dirname(data), data, config.dataDirectory]) {
      expect((await stat(directory)).mode & 0o777).toBe(0o700);
    }
    expect(await readdir(config.dataDirectory)).toContain("journal.sqlite");
  });

  it("closes its endpoints when its configuration is taken away, and has none at its next start", async () => {
    await stage.configureEndpoints(undefined);
    expect(stage.description).toMatchObject({ generation: 0, endpoints: [] });
    await stage.restartAgent();
    expect(stage.description).toMatchObject({ generation: 0, endpoints: [] });
    await stage.configure([1]);
    expect(await stage.run(1, "On")).toMatchObject({ status: "Succeeded" });
  });
});
