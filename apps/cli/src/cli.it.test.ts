import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";
import { nodeDescription } from "@outrider/contracts/node";
import { nodeId } from "@outrider/contracts/ids";
import {
  powerResult,
  powerSet,
  powerState,
  type PowerResult,
  type PowerSet,
} from "@outrider/contracts/power";
import { serviceStatus, type ServiceStatus } from "@outrider/contracts/service";
import { Session } from "@outrider/messaging/session";
import { startTestBroker, type TestBroker } from "@outrider/testing/broker";
import { eventually, within } from "@outrider/testing/eventually";
import { freePort } from "@outrider/testing/free-port";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";

type Answer = Pick<PowerResult, "status" | "terminal"> & Partial<PowerResult>;

/** What the scripted power service answers, by node. A node that is not here gets no answer. */
const ANSWERS: Readonly<Record<string, readonly Answer[]>> = {
  good: [
    { status: "Accepted", terminal: false },
    { status: "Succeeded", terminal: true },
  ],
  forbidden: [
    { status: "Rejected", terminal: true, reasonCode: "not-allowed", detail: "you may not" },
  ],
  busy: [{ status: "Rejected", terminal: true, reasonCode: "busy" }],
  broken: [{ status: "Failed", terminal: true, reasonCode: "refused", detail: "no\u001b[2J" }],
  away: [{ status: "Rejected", terminal: true, reasonCode: "agent-away" }],
  slow: [{ status: "Accepted", terminal: false }],
  stubborn: [{ status: "TimedOut", terminal: true, reasonCode: "not-obeyed" }],
};

const asked: { node: string; set: PowerSet }[] = [];
const status = (state: ServiceStatus["state"]): ServiceStatus => ({
  state,
  instance: "i",
  version: "0",
  startedAt: "2026-11-23T00:00:00.000Z",
});

let broker: TestBroker;
let service: Session;

beforeAll(async () => {
  broker = await startTestBroker();
  service = new Session({ url: broker.url, clientId: "service-power" });
  service.subscribe(powerSet, {}, async ({ payload, parameters: { node } }) => {
    asked.push({ node, set: payload });
    for (const [seq, answer] of (ANSWERS[node] ?? []).entries()) {
      await service.publish(
        powerResult,
        { node },
        {
          id: payload.id ?? ("none" as never),
          seq,
          action: payload.action,
          actor: "person:test",
          via: "mqtt",
          startedAt: "2026-11-23T00:00:00.000Z",
          ...answer,
        },
      );
    }
  });
  service.retain(serviceStatus, { service: "power" }, status("ready"));
  service.retain(serviceStatus, { service: "inventory" }, status("ready"));
  describeNode("good", 86_400_000);
  describeNode("old", 1000);
  service.start();
  await service.ready(within());
});

beforeEach(() => {
  asked.length = 0;
});

afterAll(async () => {
  await service?.stop();
  await broker?.[Symbol.asyncDispose]();
});

function describeNode(node: string, staleAfterMs: number): void {
  service.retain(
    nodeDescription,
    { node },
    {
      id: nodeId(node),
      name: node,
      roles: [],
      labels: {},
      supportedActions: [],
      gracefulLimitMs: 1000,
      interfaces: {},
    },
  );
  const observedAt = new Date(Date.now() - 60_000).toISOString();
  const measured = { since: observedAt, observedAt, staleAfterMs };
  service.retain(
    powerState,
    { node },
    {
      supply: { value: "On", evidence: "ReadBack", ...measured },
      host: { value: "Running", evidence: "ReadBack", ...measured },
    },
  );
}

interface Ended {
  readonly code: number | null;
  readonly out: string;
  readonly error: string;
}

/** The shipped program as a process of its own. */
function outrider(
  args: readonly string[],
  options: { url?: string; until?: () => Promise<unknown> } = {},
): Promise<Ended> {
  const main = fileURLToPath(new URL("../bin/outrider.mjs", import.meta.url));
  const child = spawn(process.execPath, [main, ...args], {
    env: { ...process.env, OUTRIDER_MQTT_URL: options.url ?? broker.url },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let out = "";
  let error = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => (out += text));
  child.stderr.setEncoding("utf8").on("data", (text: string) => (error += text));
  void options.until?.().then(() => child.kill("SIGINT"));
  return new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (code) => resolve({ code, out, error }));
  });
}

const commandArrived = (): Promise<unknown> =>
  eventually("the command arrived", () => asked.length > 0);

describe("outrider power", () => {
  it("exits 0 once the action is verified", async () => {
    const { code, out } = await outrider(["power", "cycle", "good", "--reason", "a test"]);
    expect(out).toBe("good: PowerCycle Succeeded\n");
    expect(code).toBe(0);
    expect(asked).toMatchObject([
      { node: "good", set: { action: "PowerCycle", reason: "a test" } },
    ]);
  });

  it.each([
    ["on", "On"],
    ["off", "ForceOff"],
    ["shutdown", "GracefulShutdown"],
    ["reset", "ForceRestart"],
    ["restart", "GracefulRestart"],
    ["button", "PushPowerButton"],
    ["nmi", "Nmi"],
  ])("%s asks for %s", async (word, action) => {
    expect((await outrider(["power", word, "good"])).code).toBe(0);
    expect(asked).toMatchObject([{ set: { action } }]);
  });

  it.each([
    ["broken", 1],
    ["forbidden", 4],
    ["busy", 5],
    ["stubborn", 6],
    ["away", 7],
  ])("of the node %s exits %i", async (node, code) => {
    const ended = await outrider(["power", "off", node]);
    expect(ended.code).toBe(code);
    expect(ended.out).toContain(`${node}: ForceOff `);
    expect(ended.out).not.toContain("\u001b");
  });

  it("exits 3 when only some nodes did it, and says so for each, also as JSON", async () => {
    const { code, out } = await outrider(["power", "off", "good", "busy", "-o", "json"]);
    expect(code).toBe(3);
    expect(JSON.parse(out)).toMatchObject([
      { node: "good", exitCode: 0, result: { status: "Succeeded", terminal: true } },
      { node: "busy", exitCode: 5, result: { status: "Rejected", reasonCode: "busy" } },
    ]);
  });

  it("asks for force only when told to", async () => {
    await outrider(["power", "shutdown", "good"]);
    await outrider(["power", "shutdown", "good", "--escalate"]);
    expect(asked.map(({ set }) => set.escalate)).toEqual([undefined, true]);
  });

  it("exits 6 when no result comes in time", async () => {
    const { code, out } = await outrider(["power", "off", "slow", "--timeout", "300ms"]);
    expect(code).toBe(6);
    expect(out).toContain("slow: ForceOff no terminal result");
  });

  it("exits 130 on Ctrl-C and says what was accepted", async () => {
    const waiting = await outrider(["power", "off", "silent"], { until: commandArrived });
    expect(waiting.code).toBe(130);
    expect(waiting.out).toContain(
      "silent: ForceOff interrupted; whether ForceOff was accepted is not known",
    );
  });

  it.each([
    [["power", "cycle"]],
    [["power", "cycle", "N1"]],
    [["power", "explode", "good"]],
    [["power", "off", "good", "--timeout", "soon"]],
    [["power", "off", "good", "--escalate"]],
    [["power", "off", "good", "-o", "yaml"]],
    [["get", "nothing"]],
  ])("%j is wrong usage: exits 2 and asks for nothing", async (args) => {
    const { code, error } = await outrider(args);
    expect(code).toBe(2);
    expect(error).not.toBe("");
    expect(asked).toEqual([]);
  });

  it("exits 7 and says where it looked when there is no broker", async () => {
    const url = `mqtt://127.0.0.1:${await freePort()}`;
    const { code, error } = await outrider(["power", "on", "good"], { url });
    expect(code).toBe(7);
    expect(error).toContain(url);
  });

  it("exits 7 and asks for nothing when the power service is not there", async () => {
    await using empty = await startTestBroker();
    const { code, error } = await outrider(["power", "on", "good"], { url: empty.url });
    expect(code).toBe(7);
    expect(error).toContain("the power service is not there");
  });
});

describe("outrider get nodes", () => {
  it("lists the nodes, and says which values are stale", async () => {
    const { code, out } = await outrider(["get", "nodes"]);
    expect(code).toBe(0);
    expect(out).toMatch(/^NODE .*\ngood +On +Running +ReadBack .*\nold +stale \(was On\) /);
    const json = JSON.parse((await outrider(["get", "nodes", "-o", "json"])).out) as unknown;
    expect(json).toMatchObject([
      { node: "good", power: { supply: { value: "On", stale: false } } },
      { node: "old", power: { supply: { value: "On", stale: true } } },
    ]);
  });

  it("power status shows the named ones and exits 1 for one that is not there", async () => {
    expect((await outrider(["power", "status", "good"])).code).toBe(0);
    expect(await outrider(["power", "status", "nobody"])).toMatchObject({
      code: 1,
      error: expect.stringContaining("the site has no node nobody"),
    });
  });
});
