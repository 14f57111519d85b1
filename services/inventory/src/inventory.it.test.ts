import { spawnSync } from "node:child_process";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import {
  agentDescription,
  agentDesired,
  agentStatus,
  type AgentDescription,
  type AgentDesired,
  type DescribedDriver,
} from "@outrider/contracts/agent";
import { agentReply, agentRequest, type AgentRequest } from "@outrider/contracts/agent-request";
import { detectEndpoints, testEndpoint } from "@outrider/contracts/endpoints";
import { agentId, endpointId } from "@outrider/contracts/ids";
import { nodeDescription, nodeEvent, type NodeDescription } from "@outrider/contracts/node";
import { serviceStatus, site, type Site } from "@outrider/contracts/service";
import { silentLog } from "@outrider/messaging/log";
import { RequestClient } from "@outrider/messaging/request-client";
import { Session } from "@outrider/messaging/session";
import { startTestBroker, type TestBroker } from "@outrider/testing/broker";
import { startNode } from "@outrider/testing/child";
import { eventually, within } from "@outrider/testing/eventually";
import { tempDir, type TempDir } from "@outrider/testing/temp-dir";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { startInventory, type RunningInventory } from "./start.js";

const MAIN = fileURLToPath(new URL("./main.js", import.meta.url));

const QEMU: DescribedDriver = {
  port: "power",
  driver: "qemu",
  summary: "A slot.",
  actions: ["On", "ForceOff", "PowerCycle", "PushPowerButton"],
  options: {
    type: "object",
    properties: { slot: { type: "integer", minimum: 1 } },
    required: ["slot"],
    additionalProperties: false,
  },
};

const node = (id: string, slot: unknown, on = "rack-a"): string =>
  `  ${id}: { power: { agent: ${on}, driver: qemu, options: { slot: ${String(slot)} } } }\n`;
const siteText = (...nodes: string[]): string =>
  `site: lab\nagents: { rack-a: {}, rack-b: {} }\nnodes:\n${nodes.join("")}`;

let broker: TestBroker;
let folder: TempDir;
let file: string;
/** What a newcomer would be given by the broker, and what happened since. */
let reader: Session;
const descriptions = new Map<string, NodeDescription>();
const desired = new Map<string, AgentDesired>();
const generations: number[] = [];
const events: string[] = [];
let siteDocument: Site | undefined;
const running: RunningInventory[] = [];
const agents: Session[] = [];

beforeEach(async () => {
  [descriptions, desired].forEach((one) => one.clear());
  [generations, events].forEach((one) => (one.length = 0));
  broker = await startTestBroker();
  folder = await tempDir();
  file = join(folder.path, "site.yaml");
  reader = new Session({ url: broker.url, clientId: "reader" });
  reader.subscribe(
    nodeDescription,
    {},
    ({ payload, parameters }) => void descriptions.set(parameters.node, payload),
    { cleared: ({ parameters }) => void descriptions.delete(parameters.node) },
  );
  reader.subscribe(
    agentDesired,
    {},
    ({ payload, parameters }) => {
      desired.set(parameters.agent, payload);
      generations.push(payload.generation);
    },
    { cleared: ({ parameters }) => void desired.delete(parameters.agent) },
  );
  reader.subscribe(nodeEvent, {}, ({ payload }) => void events.push(payload.message));
  reader.subscribe(site, {}, ({ payload }) => void (siteDocument = payload));
  reader.start();
  await reader.ready(within());
});

afterEach(async () => {
  for (const one of running.splice(0)) await one.stop();
  for (const one of [...agents.splice(0), reader]) await one.stop();
  await broker[Symbol.asyncDispose]();
  await folder.remove();
});

async function start(text: string): Promise<RunningInventory> {
  await writeFile(file, text);
  const inventory = await startInventory(
    { mqttUrl: broker.url, dataDirectory: join(folder.path, "data"), siteFile: file },
    { log: silentLog },
  );
  running.push(inventory);
  await inventory.session.ready(within());
  return inventory;
}

async function stop(inventory: RunningInventory): Promise<void> {
  running.splice(running.indexOf(inventory), 1);
  await inventory.stop();
}

/** An agent that says what it can, and echoes the generation that it is given. */
async function agent(id: string, drivers: DescribedDriver[], generation = 0): Promise<Session> {
  const session = new Session({ url: broker.url, clientId: `agent-${id}` });
  agents.push(session);
  const describeIt = (echoed: number, endpoints: AgentDescription["endpoints"]): void =>
    session.retain(
      agentDescription,
      { agent: id },
      { epoch: "e", generation: echoed, endpoints, drivers, fences: {} },
    );
  session.subscribe(agentDesired, { agent: id }, ({ payload }) =>
    describeIt(
      payload.generation,
      payload.endpoints.map((one) => ({
        endpoint: one.endpoint,
        node: one.node,
        port: one.port,
        driver: one.driver,
        state: "bound",
        actions: QEMU.actions,
      })),
    ),
  );
  describeIt(generation, []);
  session.start();
  await session.ready(within());
  return session;
}

describe("a site in force", () => {
  it("describes itself and its nodes, and leaves an agent that never spoke unverified", async () => {
    await start(siteText(node("n1", 1)));
    await eventually("the node is described", () => descriptions.get("n1"));
    expect(descriptions.get("n1")).toMatchObject({ id: "n1", supportedActions: [] });
    await eventually("the empty part of rack-b is published", () => desired.get("rack-b"));
    expect(desired.has("rack-a")).toBe(false);
    expect(siteDocument?.name).toBe("lab");
    expect(siteDocument?.topics).toContain("outrider/v1/node/{node}/power/set");
    expect(siteDocument?.topics.join()).not.toContain("/desired");
  });

  it("gives an agent its endpoints once it has described itself, and then knows its actions", async () => {
    await start(siteText(node("n1", 1), node("n2", 2)));
    await agent("rack-a", [QEMU]);
    await eventually("its endpoints are published", () => desired.get("rack-a"));
    expect(desired.get("rack-a")).toMatchObject({
      generation: 1,
      endpoints: [
        { endpoint: "n1.power", driver: "qemu", options: { slot: 1 }, restore: "None" },
        { endpoint: "n2.power", options: { slot: 2 } },
      ],
    });
    await eventually("the nodes can do what the agent can", () =>
      descriptions.get("n2")?.supportedActions.includes("GracefulRestart"),
    );
  });

  it("publishes all or none of an agent's endpoints, and says to each node why", async () => {
    await start(siteText(node("n1", 1), node("n2", 0), node("n3", 1, "rack-b")));
    await agent("rack-a", [QEMU]);
    await agent("rack-b", [QEMU]);
    await eventually(
      "rack-b has its endpoints",
      () => desired.get("rack-b")?.endpoints.length === 1,
    );
    await eventually("both nodes of rack-a are told", () => events.length === 2);
    expect(events.toSorted()).toEqual([
      expect.stringContaining(
        "n1.power is not configured: other endpoints of agent rack-a are wrong",
      ),
      expect.stringContaining("site.yaml:5: nodes.n2.power.options.slot: '0' must be >= 1"),
    ]);
    expect(desired.has("rack-a")).toBe(false);
  });
});

describe("a generation", () => {
  it("outlives a restart of the service and rises only with the content", async () => {
    await stop(await start(siteText(node("n1", 1))));
    await agent("rack-a", [QEMU]);
    const first = await start(siteText(node("n1", 1)));
    await eventually("generation 1", () => desired.get("rack-a")?.generation === 1);
    await stop(first);
    // Another order of keys and another name are no other content.
    const second = await start(
      siteText("  n1:\n    power: { options: { slot: 1 }, driver: qemu, agent: rack-a }\n"),
    );
    await eventually("the node is there again", () => descriptions.get("n1"));
    await stop(second);
    await start(siteText(node("n1", 2)));
    await eventually("generation 2", () => desired.get("rack-a")?.generation === 2);
    expect(new Set(generations)).toEqual(new Set([1, 2]));
  });

  it("rises above what the agent has when the data directory was lost", async () => {
    await agent("rack-a", [QEMU], 41);
    await start(siteText(node("n1", 1)));
    const published = await eventually("it is published", () => desired.get("rack-a"));
    expect(published.generation).toBe(42);
  });

  it("is published again by its writer when the broker has lost everything", async () => {
    await agent("rack-a", [QEMU]);
    await start(siteText(node("n1", 1)));
    await eventually("generation 1", () => desired.get("rack-a"));
    desired.clear();
    descriptions.clear();
    await broker.restart();
    await eventually("it is back", () => desired.get("rack-a") && descriptions.get("n1"));
    expect(desired.get("rack-a")?.generation).toBe(1);
  });
});

describe("a file that is read again", () => {
  it("clears the nodes that are gone and gives the agent what is left", async () => {
    await agent("rack-a", [QEMU]);
    const inventory = await start(siteText(node("n1", 1), node("n2", 2)));
    await eventually("two endpoints", () => desired.get("rack-a")?.endpoints.length === 2);
    await writeFile(file, siteText(node("n2", 2)));
    expect(await inventory.reload()).toBe(true);
    await eventually("n1 is gone", () => !descriptions.has("n1") && descriptions.has("n2"));
    await eventually("generation 2", () => desired.get("rack-a")?.generation === 2);
    expect(desired.get("rack-a")?.endpoints).toHaveLength(1);
  });

  it("clears what went away while the service was not there", async () => {
    const first = await start(siteText(node("n1", 1), node("n2", 2)));
    await eventually("both are described", () => descriptions.size === 2);
    await stop(first);
    await start(siteText(node("n2", 2)));
    await eventually("n1 is gone", () => !descriptions.has("n1"));
    expect(descriptions.has("n2")).toBe(true);
  });

  it.each([
    ["not a site file", "site: lab\nagents: {}\n"],
    ["not what its agents accept", siteText(node("n1", 0))],
  ])("changes nothing when it is %s", async (_, text) => {
    await agent("rack-a", [QEMU]);
    const inventory = await start(siteText(node("n1", 1)));
    await eventually("generation 1", () => desired.get("rack-a"));
    await writeFile(file, text);
    expect(await inventory.reload()).toBe(false);
    await writeFile(file, siteText(node("n1", 1), node("n2", 2)));
    expect(await inventory.reload()).toBe(true);
    await eventually("generation 2", () => desired.get("rack-a")?.generation === 2);
    expect(desired.get("rack-a")?.endpoints).toHaveLength(2);
  });

  it("tells an agent that is not declared any more to let go, also one that comes back later", async () => {
    const session = await agent("rack-a", [QEMU]);
    const inventory = await start(siteText(node("n1", 1)));
    await eventually("one endpoint", () => desired.get("rack-a")?.endpoints.length === 1);
    await session.stop();
    agents.splice(agents.indexOf(session), 1);
    await writeFile(file, "site: lab\nagents: {}\nnodes: {}\n");
    expect(await inventory.reload()).toBe(true);
    await eventually("none", () => desired.get("rack-a")?.endpoints.length === 0);
    await stop(inventory);
    await broker.restart();
    desired.clear();
    await start("site: lab\nagents: {}\nnodes: {}\n");
    const told = await eventually("it is told again", () => desired.get("rack-a"));
    expect(told).toEqual({ generation: 2, endpoints: [] });
    await agent("rack-a", [QEMU], 1);
    await eventually("it has let go, and its document is cleared", () => !desired.has("rack-a"));
  });

  it("leaves an agent what it has until there is something better, even when the store was lost", async () => {
    const former = new Session({ url: broker.url, clientId: "former" });
    agents.push(former);
    for (const id of ["rack-a", "rack-z"]) {
      former.retain(agentDesired, { agent: id }, { generation: 7, endpoints: [] });
    }
    former.start();
    await former.ready(within());
    await eventually("both have something", () => desired.size === 2);
    await former.stop();
    await start(siteText(node("n1", 1)));
    await eventually("what nobody knows is cleared", () => !desired.has("rack-z"));
    expect(desired.get("rack-a")?.generation).toBe(7);
    await agent("rack-a", [QEMU], 7);
    const better = await eventually("something better", () =>
      [desired.get("rack-a")].find((one) => one?.generation !== 7),
    );
    expect(better).toMatchObject({ generation: 8, endpoints: [{ endpoint: "n1.power" }] });
  });
});

describe("the program", () => {
  it("ends with 78 and every problem on standard error when the site file is wrong", async () => {
    await writeFile(file, siteText("  n1: { pwer: {}, wake: magic }\n"));
    const { status, stderr } = spawnSync(process.execPath, [MAIN], {
      env: {
        ...process.env,
        OUTRIDER_SITE: file,
        OUTRIDER_DATA: folder.path,
        OUTRIDER_MQTT_URL: broker.url,
      },
      encoding: "utf8",
    });
    expect(status).toBe(78);
    expect(stderr).toContain(`${file}:4: nodes.n1.pwer: unknown key 'pwer'`);
    expect(stderr).toContain(`${file}:4: nodes.n1.wake: unknown value 'magic'`);
  });

  it("ends with 78 when there is no site file, or none is named", () => {
    const run = (path: string): ReturnType<typeof spawnSync> =>
      spawnSync(process.execPath, [MAIN], {
        env: { ...process.env, OUTRIDER_SITE: path, OUTRIDER_DATA: folder.path },
        encoding: "utf8",
      });
    expect(run(join(folder.path, "none.yaml"))).toMatchObject({
      status: 78,
      stderr: expect.stringContaining("there is no such file"),
    });
    expect(run("")).toMatchObject({
      status: 78,
      stderr: expect.stringContaining("OUTRIDER_SITE is not set; expected the path of a site file"),
    });
  });

  it("reads the file again on SIGHUP and leaves in order on SIGTERM", async () => {
    const states: string[] = [];
    reader.subscribe(
      serviceStatus,
      { service: "inventory" },
      ({ payload }) => void states.push(payload.state),
    );
    await writeFile(file, siteText(node("n1", 1)));
    await using program = await startNode(MAIN, {
      env: { OUTRIDER_SITE: file, OUTRIDER_DATA: folder.path, OUTRIDER_MQTT_URL: broker.url },
    });
    await eventually("n1 is described", () => descriptions.has("n1"));
    // A secret in place of a reference goes neither into the log nor anywhere else.
    await writeFile(file, siteText(node("n1", 1)).replace("{ slot: 1 }", "canary4hunter"));
    await program.kill("SIGHUP");
    const log = (): string => program.lines.join("\n") + program.stderr();
    await eventually("the log says what is wrong", () => log().includes("this text is not a map"));
    expect(log()).not.toContain("canary4hunter");
    await writeFile(file, siteText(node("n2", 1)));
    await program.kill("SIGHUP");
    await eventually(
      "n2 is described instead",
      () => descriptions.has("n2") && !descriptions.has("n1"),
    );
    await program.kill("SIGTERM");
    expect(await program.exited).toMatchObject({ code: 0 });
    await eventually("it said that it leaves", () => states.at(-1) === "stopping");
  });
});

describe("what people ask of agents", () => {
  const SENSOR: DescribedDriver = { ...QEMU, port: "sensor", driver: "model", actions: [] };
  const text = [
    "site: lab",
    "agents: { rack-a: {}, rack-b: {} }",
    "nodes:",
    "  n1:",
    "    macs: [d8:3a:dd:00:00:01]",
    "    sensor: { own: { agent: rack-a, driver: model, options: { slot: 1 } } }",
    "",
  ].join("\n");
  const asked: { operation: string; request: AgentRequest }[] = [];
  let client: RequestClient;
  const by = { actor: "person:ada", via: "cli", withinMs: 2000 } as const;

  /** An agent that is there, and answers what it is asked. */
  async function answering(body: Record<string, unknown>): Promise<void> {
    const session = await agent("rack-a", [QEMU, SENSOR]);
    session.subscribe(agentRequest, { agent: "rack-a" }, async ({ payload, parameters }) => {
      asked.push({ operation: parameters.operation, request: payload });
      const { client: to, id } = payload;
      await session.publish(agentReply, { agent: "rack-a", client: to, id }, { id, body });
    });
    await session.publish(
      agentStatus,
      { agent: "rack-a" },
      { state: "ready", epoch: "e", version: "1", startedAt: "2026-11-23T00:00:00.000Z" },
    );
  }

  beforeEach(async () => {
    asked.length = 0;
    client = new RequestClient(reader, "gateway");
    await client.ready(within());
  });

  it("is told with the session and the clock that it needs, and answered as the agent says", async () => {
    await start(text);
    const result = { ok: true, findings: [{ ok: true, what: "It is 22 °C." }] };
    await answering(result);
    const endpoint = endpointId("n1", "sensor", "own");
    const said = await eventually("it is known", () =>
      client.ask(testEndpoint, { endpoint }, by).catch(() => undefined),
    );
    expect(said).toEqual({
      endpoint,
      node: "n1",
      agent: "rack-a",
      port: "sensor",
      driver: "model",
      result,
    });
    expect(asked.at(-1)).toMatchObject({
      operation: "test",
      request: { actor: "person:ada", via: "cli", epoch: "e", body: { endpoint } },
    });
  });

  it("finds nodes behind switches by their addresses", async () => {
    await start(text);
    await answering({ proposals: [], problems: [] });
    const switches = [{ host: "10.0.0.2", community: { file: "/etc/outrider/secrets/poe" } }];
    const request = { agent: agentId("rack-a"), switches };
    const said = await eventually("it is known", () =>
      client.ask(detectEndpoints, request, by).catch(() => undefined),
    );
    expect(said).toEqual({ agent: "rack-a", found: { proposals: [], problems: [] } });
    expect(asked.at(-1)?.request.body).toEqual({
      switches,
      nodes: [{ node: "n1", macs: ["d8:3a:dd:00:00:01"] }],
    });
  });

  it("is refused by name where nobody can answer", async () => {
    await start(text);
    await expect(
      client.ask(detectEndpoints, { agent: agentId("rack-b") }, by),
    ).rejects.toMatchObject({ code: "unavailable" });
    await expect(
      client.ask(testEndpoint, { endpoint: endpointId("n9", "power") }, by),
    ).rejects.toMatchObject({ code: "not-found" });
  });
});
