import { createServer, type Server } from "node:http";
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { nodeEvent } from "@outrider/contracts/node";
import {
  agentAlarm,
  agentHealth,
  nodeAlarm,
  type AlarmState,
  type AlarmSummary,
} from "@outrider/contracts/telemetry";
import { acknowledgeAlarm } from "@outrider/contracts/telemetry-operations";
import type { AlarmRecords, LoggedEvents } from "@outrider/contracts/telemetry-pages";
import {
  telemetryPolicy,
  type AlarmRule,
  type TelemetryPolicy,
} from "@outrider/contracts/telemetry-policy";
import { RequestClient } from "@outrider/messaging/request-client";
import { mintId } from "@outrider/messaging/mint-id";
import { beforeRetry } from "@outrider/testing/before-retry";
import { eventually } from "@outrider/testing/eventually";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Message } from "../notify/message.js";
import { TelemetryStage, voltageOf } from "../testing/telemetry-stage.js";

const ALLOW = { OUTRIDER_WEBHOOK_ALLOW: "127.0.0.0/8" };
const LOW: AlarmRule = {
  kind: "threshold",
  quantity: "voltageVolts",
  lower: { warning: 4.8, critical: 4.6 },
  hysteresis: 0.1,
  forMs: 0,
};

describe("alarms of a running service", () => {
  let stage: TelemetryStage;
  let hook: Server;
  let asking: RequestClient;
  let seq = 0;
  /** How often it was published, in all tries. */
  let oopses = 0;
  /** Nodes of which nothing was raised yet. */
  const spare = ["n4", "n5"];
  let volts: Readonly<Record<string, number>> = {};
  let talking: NodeJS.Timeout;
  const messages: Message[] = [];
  const retained = new Map<string, AlarmState>();
  const turns: string[] = [];
  /** Of what was raised of n2, in all tries. */
  const raisedOfN2 = new Set<string | undefined>();

  const policy = (rules: Record<string, AlarmRule>): TelemetryPolicy => ({
    site: "lab",
    profiles: [{ rules }],
    nodes: { n1: 0, n2: 0, n3: 0, n4: 0, n5: 0 },
    siteRules: {},
    notifications: {
      channels: {
        hook: {
          webhook: { url: `http://127.0.0.1:${(hook.address() as AddressInfo).port}/alarms` },
        },
      },
      routes: { all: { channels: ["hook"], severity: "Warning" } },
      groupWithinMs: 300,
      repeatAfterMs: 0,
    },
  });
  const ask = <T>(path: "alarms" | "events", asked: object): Promise<T> =>
    stage.page<T>(path, asked);
  const stands = (node: string, severity: string): Promise<unknown> =>
    eventually(
      `${node} has an alarm`,
      () => retained.get(`${node} low-supply`)?.severity === severity,
    );
  const toldIds = (): string[] => [...new Set(messages.map(({ id }) => id))];
  const isOver = (node: string): Promise<unknown> =>
    eventually(`${node} has none`, () => !retained.has(`${node} low-supply`));

  const isOverOrHeld = (node: string): Promise<unknown> =>
    eventually("it is over, or held", () => {
      const { message } = retained.get(`${node} low-supply`) ?? {};
      return message === undefined || message.includes("comes and goes");
    });

  beforeAll(async () => {
    hook = createServer((request, response) => {
      const chunks: Buffer[] = [];
      request.on("data", (chunk: Buffer) => chunks.push(chunk));
      request.on("end", () => {
        messages.push(JSON.parse(Buffer.concat(chunks).toString()) as Message);
        response.writeHead(204).end();
      });
    });
    hook.listen(0, "127.0.0.1");
    await once(hook, "listening");
    stage = await TelemetryStage.start(["n1", "n2", "n3", "n4", "n5"]);
    await stage.service.kill("SIGTERM");
    await stage.startService(ALLOW);
    asking = new RequestClient(stage.inventory, "inventory");
    stage.inventory.subscribe(
      nodeAlarm,
      {},
      ({ payload, parameters: { node, alarm } }) => void retained.set(`${node} ${alarm}`, payload),
      { cleared: ({ parameters: { node, alarm } }) => void retained.delete(`${node} ${alarm}`) },
    );
    stage.inventory.subscribe(nodeEvent, {}, ({ payload: { id, kind }, parameters: { node } }) => {
      if (kind.startsWith("alarm-")) turns.push(`${node} ${kind}`);
      if (kind === "alarm-raised" && node === "n2") raisedOfN2.add(id);
    });
    stage.inventory.retain(telemetryPolicy, {}, policy({ low: LOW }));
    talking = setInterval(() => {
      const now = Date.now();
      const readings = Object.entries(volts).map(([node, value]) => voltageOf(node, value, now));
      if (readings.length === 0) return;
      seq += 1;
      stage.send({ spool: "s1", oldest: seq, seq, readings }).catch(() => undefined);
    }, 200);
  });
  afterAll(async () => {
    clearInterval(talking);
    hook?.close();
    await stage?.[Symbol.asyncDispose]();
  });

  // Nothing stands that a try before has raised, and nothing is still to be told of that.
  beforeRetry(async () => {
    if (!stage.service.running) await stage.startService(ALLOW);
    stage.inventory.retain(telemetryPolicy, {}, policy({ low: LOW }));
    stage.agentIs("ready");
    volts = { n1: 5, n2: 5, n3: 5, n4: 5 };
    for (const node of Object.keys(volts)) await isOverOrHeld(node);
    const over = Object.keys(volts).filter((node) => !retained.has(`${node} low-supply`));
    await eventually("all is told", () =>
      over.every((node) => {
        const last = turns.findLast((turn) => turn.startsWith(node));
        return last === undefined || last.endsWith("alarm-cleared");
      }),
    );
    turns.length = 0;
    messages.length = 0;
  });

  it("are raised, get worse and better, and are over, each told once as state, event and message", async () => {
    // What comes and goes is told a few times only: another try has another node.
    const node = spare.shift() ?? "";
    turns.length = 0;
    messages.length = 0;
    const { alarms: past } = await ask<AlarmRecords>("alarms", { state: "all", limit: 100 });
    volts = { [node]: 5, n2: 5, n3: 5 };
    await eventually(
      "readings are there",
      async () => (await stage.latest(node)).sensors.length > 0,
    );
    volts = { ...volts, [node]: 4.7 };
    await stands(node, "Warning");
    expect(retained.get(`${node} low-supply`)).toMatchObject({
      rule: "low",
      kind: "threshold",
      value: 4.7,
      limit: 4.8,
      unit: "V",
      message: "voltage of supply is 4.7 V; its lower warning limit is 4.8 V",
    });
    volts = { ...volts, [node]: 4.5 };
    await stands(node, "Critical");
    await eventually("the health says it", () =>
      stage.statuses.some((one) => one.node === node && one.payload.health === "Critical"),
    );
    await eventually("somebody was told", () => messages.some(({ kind }) => kind === "raised"));
    // Inside the hysteresis nothing is over.
    volts = { ...volts, [node]: 4.85 };
    await stands(node, "Warning");
    volts = { ...volts, [node]: 5 };
    await isOver(node);
    await eventually("all is told", () => turns.length >= 4);
    expect(turns).toEqual([
      `${node} alarm-raised`,
      `${node} alarm-changed`,
      `${node} alarm-changed`,
      `${node} alarm-cleared`,
    ]);
    await eventually("its end is told", () => messages.some(({ kind }) => kind === "resolved"));
    const { alarms } = await ask<AlarmRecords>("alarms", { state: "all", limit: 100 });
    expect(alarms.slice(0, alarms.length - past.length)).toMatchObject([
      { subject: `node:${node}`, id: "low-supply", clearedAt: expect.any(String) },
    ]);
    expect((await ask<AlarmRecords>("alarms", { state: "active", limit: 10 })).alarms).toEqual([]);
  });

  it("of one cause are one message with the nodes folded", async () => {
    messages.length = 0;
    // The end of what was before may be told yet.
    const raised = (): Message[] => messages.filter(({ kind }) => kind === "raised");
    volts = { n1: 5, n2: 4.5, n3: 4.5 };
    await stands("n3", "Critical");
    await eventually("somebody was told", () => raised().length > 0);
    expect(raised()).toHaveLength(1);
    expect(raised()[0]).toMatchObject({
      site: "lab",
      kind: "raised",
      severity: "Critical",
      title: "[lab] Critical: 2 nodes: n[2-3]: low (agent rack-a)",
      nodes: "n[2-3]",
      total: 2,
    });
  });

  it("survive a kill: not raised twice, and what somebody has seen is not forgotten", async () => {
    // From before, where this is no other try.
    volts = { n1: 5, n2: 4.5, n3: 4.5 };
    await stands("n2", "Critical");
    await stands("n3", "Critical");
    await eventually("somebody was told", () => messages.some(({ kind }) => kind === "raised"));
    const seen = await asking.ask(
      acknowledgeAlarm,
      { subject: "node:n2", id: "low-supply", comment: "a new supply is on its way" },
      { actor: "person:ada", via: "rest" },
    );
    expect(seen).toMatchObject({ acknowledged: { actor: "person:ada" } });
    await eventually("all see it", () => retained.get("n2 low-supply")?.acknowledged !== undefined);
    // Events come after what stands, and what is told before the kill is not of after it.
    await eventually("it is told", () => turns.includes("n2 alarm-acknowledged"));
    const before = retained.get("n2 low-supply");
    const told = toldIds();
    turns.length = 0;
    retained.clear();
    await stage.service.kill("SIGKILL");
    await stage.startService(ALLOW);
    await stands("n2", "Critical");
    await stands("n3", "Critical");
    expect(retained.get("n2 low-supply")).toEqual(before);
    // What was settled after the start is still there, as is what is read.
    const from = Date.now();
    await eventually(
      "it reads again",
      async () => {
        const { sensors } = await stage.latest("n2");
        return sensors.some(({ at }) => Date.parse(at) > from + 6000);
      },
      { withinMs: 60_000 },
    );
    expect([...retained.keys()].toSorted()).toEqual(["n2 low-supply", "n3 low-supply"]);
    expect(turns).toEqual([]);
    // One whose taking was not yet written down comes again, under the same id.
    expect(toldIds()).toEqual(told);
    volts = { n1: 5, n2: 5, n3: 5 };
    await isOver("n2");
    await isOver("n3");
    const last = await eventually("their end is told", () =>
      messages.findLast(({ kind, nodes }) => kind === "resolved" && nodes === "n[2-3]"),
    );
    expect(last).toMatchObject({ nodes: "n[2-3]" });
  });

  it("of an agent stand on its own topics, and make its health", async () => {
    const alarms = new Map<string, AlarmState>();
    let health: AlarmSummary | undefined;
    stage.inventory.subscribe(
      agentAlarm,
      {},
      ({ payload, parameters: { agent, alarm } }) => void alarms.set(`${agent} ${alarm}`, payload),
      { cleared: ({ parameters: { agent, alarm } }) => void alarms.delete(`${agent} ${alarm}`) },
    );
    stage.inventory.subscribe(
      agentHealth,
      { agent: "rack-a" },
      ({ payload }) => void (health = payload),
    );
    await eventually("it is well", () => health?.health === "OK");
    const away: AlarmRule = { kind: "away", hysteresis: 0, forMs: 0, severity: "Critical" };
    stage.inventory.retain(telemetryPolicy, {}, { ...policy({ low: LOW }), siteRules: { away } });
    stage.agentIs("lost");
    await eventually("it is an alarm", () => alarms.has("rack-a away"));
    expect(alarms.get("rack-a away")).toMatchObject({ kind: "silent", severity: "Critical" });
    await eventually("its health says it", () => health?.health === "Critical");
    expect(health?.alarms).toEqual([{ subject: "agent:rack-a", id: "away", severity: "Critical" }]);
    stage.agentIs("ready");
    await eventually("it is over", () => !alarms.has("rack-a away") && health?.health === "OK");
    stage.inventory.retain(telemetryPolicy, {}, policy({ low: LOW }));
  });

  it("come and go no more than a few times for all to see", async () => {
    turns.length = 0;
    volts = { n1: 5, n2: 5, n3: 5 };
    for (let times = 0; times < 6; times++) {
      volts = { ...volts, n1: 4.5 };
      await stands("n1", "Critical");
      volts = { ...volts, n1: 5 };
      await isOverOrHeld("n1");
    }
    await eventually("it was told that it comes and goes", () =>
      stage.events.some(({ payload }) => payload.message.includes("comes and goes")),
    );
    const known = turns.length;
    expect(known).toBeLessThan(10);
    for (let times = 0; times < 5; times++) {
      const value = times % 2 === 0 ? 4.5 : 5;
      volts = { ...volts, n1: value };
      await eventually("it is read", async () => {
        const { sensors } = await stage.latest("n1");
        return sensors.some(({ values }) => values.some((one) => one.value === value));
      });
    }
    expect(turns).toHaveLength(known);
  });

  it("are over when their rule is gone", async () => {
    stage.inventory.retain(telemetryPolicy, {}, policy({ low: LOW }));
    volts = { n1: 5, n2: 4.5, n3: 5 };
    await stands("n2", "Critical");
    stage.inventory.retain(telemetryPolicy, {}, policy({}));
    await isOver("n2");
    await isOver("n1");
  });
  it("and whatever else happens are in a log that can be searched and survives", async () => {
    const kind = `console-oops-${(oopses += 1)}`;
    await stage.inventory.publish(
      nodeEvent,
      { node: "n3" },
      {
        id: mintId(),
        at: new Date().toISOString(),
        severity: "error",
        kind,
        message: "Oops: 0000",
      },
    );
    const search = (asked: object): Promise<LoggedEvents> =>
      ask<LoggedEvents>("events", { limit: 100, ...asked });
    await eventually("it is in the log", async () => {
      const { events } = await search({ kinds: [kind] });
      return events.length === 1;
    });
    await stage.service.kill("SIGKILL");
    await stage.startService(ALLOW);
    const oops = await search({ nodes: ["n3"], severities: ["error"] });
    expect(oops.events.filter((one) => one.kind === kind)).toMatchObject([
      { subject: "node:n3", message: "Oops: 0000" },
    ]);
    expect(oops.events.every(({ severity }) => severity === "error")).toBe(true);
    expect((await search({ nodes: ["n1"], kinds: [kind] })).events).toEqual([]);
    const raised = await search({ kinds: ["alarm-raised"], nodes: ["n2"] });
    // Each of our own comes back from the bus and is the same.
    expect(new Set(raised.events.map(({ seq: place }) => place)).size).toBe(raised.events.length);
    expect(raised.events.length).toBe(raisedOfN2.size);
    expect(raisedOfN2.size).toBeGreaterThanOrEqual(2);
    const first = await search({ limit: 3 });
    expect(first.events).toHaveLength(3);
    const next = await search({ limit: 3, before: first.next });
    expect(next.events[0]?.seq).toBeLessThan(first.events[2]?.seq ?? 0);
    const agents = await search({ kinds: ["agent-ready"] });
    expect(agents.events).toHaveLength(1);
  });
});
