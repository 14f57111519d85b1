import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import {
  detectOnAgent,
  identifyOnAgent,
  testOnAgent,
  type AgentOperation,
} from "@outrider/contracts/agent-request";
import { agentStatus, type DesiredEndpoint } from "@outrider/contracts/agent";
import { systemClock } from "@outrider/contracts/clock";
import { endpointId, type EndpointId, type InterfaceKind } from "@outrider/contracts/ids";
import { agentReading, type AgentReadings } from "@outrider/contracts/reading-report";
import { AgentRequestClient } from "@outrider/messaging/agent-request-client";
import { startClockBeacon, type ClockBeacon } from "@outrider/messaging/clock-beacon";
import { Session } from "@outrider/messaging/session";
import { eventually, within } from "@outrider/testing/eventually";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { AGENT, nodeOf, Stage } from "./testing/stage.js";

const KINDS = ["power", "reset", "button", "identify", "sensor", "heartbeat"] as const;

function idOf(slot: number, kind: InterfaceKind): EndpointId {
  return endpointId(
    nodeOf(slot),
    kind,
    kind === "sensor" || kind === "heartbeat" ? "own" : undefined,
  );
}

describe("every kind of interface of a node in a rack", () => {
  let stage: Stage;
  let asker: Session;
  let beacon: ClockBeacon;
  let epoch: string | undefined;
  let client: AgentRequestClient;
  const batches: AgentReadings[] = [];

  const desired = (slot: number, kind: InterfaceKind): DesiredEndpoint => ({
    ...stage.desired(slot),
    endpoint: idOf(slot, kind),
    port: kind,
  });
  const ask = async <Q extends object, A extends object>(
    operation: AgentOperation<Q, A>,
    body: NoInfer<Q>,
  ): Promise<A> => {
    await eventually("the agent has heard the clock", () => epoch === stage.description?.epoch);
    return client.ask(AGENT, operation, body, { actor: "person:ada", via: "cli", epoch });
  };
  const last = (slot: number, kind: InterfaceKind) =>
    batches
      .flatMap(({ readings }) => readings)
      .filter(({ endpoint }) => endpoint === idOf(slot, kind))
      // With nobody to store them, the oldest come again now and then.
      .toSorted((a, b) => (a.at < b.at ? -1 : 1))
      .at(-1);
  const resets = async (): Promise<number> =>
    (await stage.edges(1)).filter((edge) => edge === "reset").length;
  const lamp = async (): Promise<boolean> => (await stage.rack.client.lamp(1)).on;

  beforeAll(async () => {
    stage = await Stage.start({ bootMs: 1 });
    asker = new Session({ url: stage.broker.url, clientId: "service-inventory" });
    beacon = startClockBeacon(asker, "inventory", systemClock);
    client = new AgentRequestClient(asker, "inventory", beacon);
    asker.subscribe(agentReading, { agent: AGENT }, ({ payload }) => void batches.push(payload));
    // As services do: an agent that has just come has heard no clock yet.
    asker.subscribe(agentStatus, { agent: AGENT }, ({ payload }) => {
      beacon.tell();
      epoch = payload.epoch;
    });
    asker.start();
    await asker.ready(within());
    await stage.startAgent();
    await stage.configureEndpoints(
      [1, 2].flatMap((slot) => KINDS.map((kind) => desired(slot, kind))),
    );
    await stage.bound();
    await stage.run(1, "On");
    await stage.run(2, "On");
  });

  afterAll(async () => {
    beacon.stop();
    await asker.stop();
    await stage[Symbol.asyncDispose]();
  });

  it("is described with what it can do, measures and proves", () => {
    const of = (kind: InterfaceKind) =>
      stage.description?.endpoints.find(({ endpoint }) => endpoint === idOf(1, kind));
    expect(of("reset")).toMatchObject({ state: "bound", actions: ["ForceRestart"] });
    expect(of("button")).toMatchObject({ state: "bound", actions: ["PushPowerButton"] });
    expect(of("identify")).toMatchObject({ state: "bound", actions: [] });
    expect(of("sensor")?.quantities).toContain("temperatureCelsius");
    expect(of("heartbeat")?.proves).toBe("activity");
  });

  it("acts by its reset line once for an id, recorded before (P1, P20)", async () => {
    const before = await resets();
    const at = { endpoint: idOf(1, "reset") };
    const file = join(stage.dir.path, `agent-${AGENT}`, "journal.sqlite");
    const recorded = (): unknown[] => {
      using db = new DatabaseSync(file, { readOnly: true, timeout: 5000 });
      return db
        .prepare("SELECT stage FROM agent_audit WHERE subject = ? AND act = 'power.actuate'")
        .all(at.endpoint)
        .map(({ stage: one }) => one);
    };
    const known = recorded().length;
    const command = stage.command(1, "ForceRestart", at);
    await stage.send(command);
    expect(await stage.terminal(command.id)).toMatchObject({ status: "Succeeded", changed: true });
    await stage.send(command);
    await stage.send(command);
    expect(await stage.run(1, "PushPowerButton", at)).toMatchObject({
      status: "Rejected",
      reasonCode: "unsupported-action",
    });
    expect(await resets()).toBe(before + 1);
    expect(recorded().slice(known)).toEqual(["intent", "outcome"]);
  });

  it("is asked to go down by its button", async () => {
    const report = await stage.run(2, "PushPowerButton", { endpoint: idOf(2, "button") });
    expect(report).toMatchObject({ status: "Succeeded" });
    await eventually("the host halts", async () => (await stage.edges(2)).includes("halted"));
    await stage.run(2, "PowerCycle");
  });

  it("refuses a reset with an old fence, and one of a former session (P3, P6)", async () => {
    const before = await resets();
    const endpoint = idOf(1, "reset");
    expect(await stage.run(1, "ForceRestart", { endpoint, epoch: "former" })).toMatchObject({
      reasonCode: "stale-epoch",
    });
    await stage.run(1, "ForceRestart", { endpoint, fence: 7 });
    expect(await stage.run(1, "ForceRestart", { endpoint, fence: 6 })).toMatchObject({
      reasonCode: "fenced",
    });
    expect(await resets()).toBe(before + 1);
  });

  it("does not know what became of a reset in whose middle it was killed, and does it no second time", async () => {
    const before = await resets();
    await stage.restartAgent({ OUTRIDER_FAILPOINT: "agent.acted" });
    const fence = 8;
    const command = stage.command(1, "ForceRestart", { endpoint: idOf(1, "reset"), fence });
    await stage.send(command);
    await stage.agent.exited;
    await stage.restartAgent();
    expect(await stage.terminal(command.id)).toMatchObject({
      status: "Unknown",
      reasonCode: "interrupted",
    });
    expect(await resets()).toBe(before + 1);
  });

  it("reports what it measures in numbered batches, and why there is nothing", async () => {
    // It was reset just now, and what was read then is heard again while nobody stores it.
    const sample = await eventually("a sample of a board that runs", () => {
      const newest = last(1, "sensor");
      return newest?.values?.voltageVolts === 5.1 && newest;
    });
    expect(sample.ageMs).toBeLessThan(60_000);
    await eventually("a sign of life", () => last(1, "heartbeat")?.heartbeat?.alive === true);
    await using _ = {
      [Symbol.asyncDispose]: async () => void (await stage.rack.client.reset(1)),
    };
    await stage.rack.client.guest(1, "panic");
    await eventually("silence", () => last(1, "heartbeat")?.heartbeat?.alive === false);
    const many = batches.some(
      ({ readings }) => new Set(readings.map((one) => one.endpoint)).size > 1,
    );
    expect(many).toBe(true);
    const numbers = (): number => new Set(batches.map(({ spool, seq }) => `${spool} ${seq}`)).size;
    await eventually("several batches", () => numbers() > 3);
    for (const { seq, oldest } of batches) expect(oldest).toBeLessThanOrEqual(seq);
  });

  it("goes on with all others while one device is silent", async () => {
    await using _ = {
      [Symbol.asyncDispose]: async () => void (await stage.rack.client.faults(1, {})),
    };
    await stage.rack.client.faults(1, { silent: true });
    const since = batches.length;
    await eventually(
      "the others are heard",
      () =>
        batches
          .slice(since)
          .flatMap(({ readings }) => readings)
          .filter(({ endpoint }) => endpoint === idOf(2, "sensor")).length > 3,
    );
    await eventually(
      "the silent one is told",
      () => last(1, "sensor")?.absent?.temperatureCelsius === "TimedOut",
      { withinMs: 60_000 },
    );
    expect(last(1, "sensor")?.problem).toContain("/slots/1/");
    expect(last(1, "sensor")?.values).toBeUndefined();
  });

  it("has a lamp that shines until it is told otherwise, or for a time", async () => {
    const endpoint = idOf(1, "identify");
    expect(await ask(identifyOnAgent, { endpoint, on: true })).toEqual({ on: true });
    expect(await lamp()).toBe(true);
    expect(await ask(identifyOnAgent, { endpoint, on: false })).toEqual({ on: false });
    expect(await ask(identifyOnAgent, { endpoint, on: true, forMs: 300 })).toEqual({ on: true });
    await eventually("it goes out", async () => !(await lamp()));
    await expect(ask(identifyOnAgent, { endpoint: idOf(1, "power"), on: true })).rejects.toThrow(
      "no lamp",
    );
  });

  it("does not let a lamp shine beyond its time when the agent stops", async () => {
    await ask(identifyOnAgent, { endpoint: idOf(1, "identify"), on: true, forMs: 600_000 });
    expect(await lamp()).toBe(true);
    await stage.restartAgent({}, "SIGTERM");
    expect(await lamp()).toBe(false);
  });

  it.each(KINDS)("tries %s without touching what the node does", async (kind) => {
    const before = await stage.edges(1);
    const result = await ask(testOnAgent, { endpoint: idOf(1, kind) });
    expect(result).toMatchObject({ ok: true });
    expect(result.findings.length).toBeGreaterThan(0);
    expect(await stage.edges(1)).toEqual(before);
    expect(await lamp()).toBe(false);
  });

  it("says what a test could not do, and of what it knows nothing", async () => {
    await stage.rack.client.faults(2, { silent: true });
    const result = await ask(testOnAgent, { endpoint: idOf(2, "sensor") })
      .finally(() => stage.rack.client.faults(2, {}))
      .catch((error: unknown) => error);
    expect(JSON.stringify(result)).toMatch(/timed-out|did not answer/);
    await expect(ask(testOnAgent, { endpoint: endpointId("n9", "power") })).rejects.toMatchObject({
      code: "not-found",
    });
  });

  it("proposes endpoints, and what it could not look for beside them", async () => {
    const { proposals, problems } = await ask(detectOnAgent, {});
    for (const { why, options } of proposals) {
      expect(why.length).toBeGreaterThan(10);
      expect(options).toBeTypeOf("object");
    }
    expect(problems.every(({ detector, message }) => detector !== "" && message !== "")).toBe(true);
  });

  it("answers nothing that was meant for a former session", async () => {
    const asked = client.ask(
      AGENT,
      detectOnAgent,
      {},
      {
        actor: "person:ada",
        via: "cli",
        epoch: "former",
      },
    );
    await expect(asked).rejects.toMatchObject({ code: "unavailable" });
  });

  it("keeps what secrets are out of everything that it says and writes (P18)", async () => {
    const canary = "canary-7d1f0c";
    // Another try finds one that is never bound.
    await stage.configureEndpoints([desired(1, "sensor")]);
    await stage.restartAgent({ OUTRIDER_SECRET_CANARY: canary }, "SIGTERM");
    const endpoint = {
      ...stage.desired(3),
      driver: "redfish",
      options: {
        url: "https://127.0.0.1:1",
        username: "outrider",
        password: { env: "OUTRIDER_SECRET_CANARY" },
        system: "1",
        fingerprint: "00",
      },
    };
    stage.askEndpoints([endpoint, desired(1, "sensor")]);
    await eventually("it has tried", () => stage.described(3)?.state);
    await ask(testOnAgent, { endpoint: endpoint.endpoint }).catch(() => undefined);
    const said = JSON.stringify([stage.description, stage.events, batches]);
    expect(said).toContain("redfish");
    expect(said).not.toContain(canary);
    expect(stage.agent.lines.join("\n") + stage.agent.stderr()).not.toContain(canary);
    for (const file of readdirSync(stage.dir.path, { recursive: true, withFileTypes: true })) {
      if (!file.isFile()) continue;
      const text = readFileSync(join(file.parentPath, file.name));
      if (text.includes(canary)) expect.unreachable(`${file.name} has the secret`);
    }
  });
});
