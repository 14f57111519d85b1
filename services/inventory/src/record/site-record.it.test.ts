import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { verifyAudit, searchAudit } from "@outrider/contracts/audit";
import { consolePolicies, type ConsolePolicies } from "@outrider/contracts/console";
import { sitePolicy, type SitePolicy } from "@outrider/contracts/fleet";
import { getHistory, getSite, type SiteApplied } from "@outrider/contracts/inventory";
import { acquireLock, releaseLock } from "@outrider/contracts/lock";
import { nodeId } from "@outrider/contracts/ids";
import { nodeDescription } from "@outrider/contracts/node";
import { powerState } from "@outrider/contracts/power";
import { serviceDescription, type ServiceListener } from "@outrider/contracts/service-plane";
import { silentLog } from "@outrider/messaging/log";
import { RequestClient } from "@outrider/messaging/request-client";
import { Session } from "@outrider/messaging/session";
import { startTestBroker, type TestBroker } from "@outrider/testing/broker";
import { eventually, within } from "@outrider/testing/eventually";
import { tempDir, type TempDir } from "@outrider/testing/temp-dir";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { startInventory, type RunningInventory } from "../start.js";

const ann = { actor: "person:ann", via: "cli" } as const;
const site = (...nodes: string[]): string =>
  `site: lab\nagents: {}\nnodes:\n${nodes.map((line) => `  ${line}\n`).join("")}`;

let broker: TestBroker;
let folder: TempDir;
let file: string;
let session: Session;
let client: RequestClient;
let inventory: RunningInventory | undefined;
let listener: ServiceListener | undefined;
let policy: SitePolicy | undefined;
const nodes = new Set<string>();
const warnings: string[] = [];

beforeEach(async () => {
  nodes.clear();
  warnings.length = 0;
  broker = await startTestBroker();
  folder = await tempDir();
  file = join(folder.path, "site.yaml");
  session = new Session({ url: broker.url, clientId: "gateway" });
  session.subscribe(
    serviceDescription,
    { service: "inventory" },
    ({ payload }) => void (listener = payload.listener),
  );
  session.subscribe(sitePolicy, {}, ({ payload }) => void (policy = payload));
  session.subscribe(nodeDescription, {}, ({ parameters: { node } }) => void nodes.add(node), {
    cleared: ({ parameters: { node } }) => void nodes.delete(node),
  });
  client = new RequestClient(session, "gateway");
  session.start();
  await session.ready(within());
});

afterEach(async () => {
  await inventory?.stop();
  await session.stop();
  await broker[Symbol.asyncDispose]();
  await folder.remove();
});

async function start(text: string): Promise<void> {
  await writeFile(file, text);
  listener = undefined;
  const log = { ...silentLog, warn: (_: object, message: string) => void warnings.push(message) };
  inventory = await startInventory(
    { mqttUrl: broker.url, dataDirectory: join(folder.path, "data"), siteFile: file },
    { log },
  );
  await inventory.session.ready(within());
  await eventually("its listener is known", () => listener);
}

async function restart(text: string): Promise<void> {
  await inventory?.stop();
  await start(text);
}

async function ask(path: string, init: RequestInit = {}): Promise<Response> {
  const { url, token } = listener ?? { url: "", token: "" };
  const headers = {
    authorization: `Bearer ${token}`,
    "x-outrider-actor": ann.actor,
    "x-outrider-via": ann.via,
  };
  return fetch(url + path, { ...init, headers });
}

async function post(query: string, body: string): Promise<{ status: number; body: SiteApplied }> {
  const response = await ask(`/site${query}`, { method: "POST", body });
  return { status: response.status, body: (await response.json()) as SiteApplied };
}

describe("the site of record", () => {
  it("tells first what would change, then changes it, all or nothing", async () => {
    await start(site("n1: {}", "n2: {}"));
    const next = `${site("n1: { roles: [storage] }", "n2: { roles: [storage] }", "n3: {}")}powerDomains: { psu: { nodes: "n[1-2]", startSpacing: 2s } }\n`;
    const dry = await post("?dryRun=yes", next);
    expect(dry).toMatchObject({ status: 200, body: { outcome: "would-apply" } });
    expect(dry.body.changes).toEqual([
      {
        kind: "added",
        path: "powerDomains",
        after: '{"psu":{"nodes":"n[1-2]","startSpacing":"2s"}}',
      },
      { kind: "added", path: expect.stringMatching(/^nodes\.n.*\.roles$/), after: '["storage"]' },
      { kind: "added", path: "nodes.n3", after: "{}" },
    ]);
    expect(await client.ask(getSite, {}, ann)).toMatchObject({
      revision: 1,
      appliedBy: "service:inventory",
      nodes: 2,
    });
    expect(await post("?ifMatch=2", next)).toMatchObject({
      status: 412,
      body: { code: "precondition-failed" },
    });
    expect(await post("?ifMatch=1", next)).toMatchObject({
      status: 200,
      body: {
        outcome: "applied",
        changes: dry.body.changes,
        site: { revision: 2, appliedBy: "person:ann", nodes: 3 },
      },
    });
    await eventually("n3 is described", () => nodes.has("n3"));
    await eventually("the policy", () => policy?.powerDomains["psu"]);
    expect(policy?.powerDomains["psu"]).toEqual({
      nodes: ["n1", "n2"],
      startSpacingMs: 2000,
      startDurationMs: 10_000,
      oneAgent: true,
    });
    const exported = await ask("/site");
    expect(exported.headers.get("x-outrider-revision")).toBe("2");
    expect(await exported.text()).toBe(next);
    expect(await (await ask("/site/1")).text()).toBe(site("n1: {}", "n2: {}"));
    expect((await ask("/site/9")).status).toBe(404);
    expect(await post("", next)).toMatchObject({ status: 200, body: { outcome: "unchanged" } });
    const history = await client.ask(getHistory, { node: nodeId("n3") }, ann);
    expect(history.entries).toMatchObject([{ what: "declared", node: "n3" }]);
    const { records } = await client.ask(searchAudit.inventory, { act: "site.apply" }, ann);
    expect(records.map(({ actor, data }) => [actor, data?.["revision"]])).toEqual([
      ["person:ann", 2],
      ["service:inventory", 1],
    ]);
    expect(await client.ask(verifyAudit.inventory, {}, ann)).toMatchObject({ intact: true });
  });

  it("names the agents that were given something else, by what they echo when they have tried it", async () => {
    await start(site("n1: {}"));
    const lab = (agents: string, n1: string): string =>
      `site: lab\nagents: ${agents}\nnodes:\n  n1: ${n1}\n`;
    const first = await post("", lab("{ a: {}, b: {} }", "{}"));
    expect(first.body.generations).toEqual({ a: 1, b: 1 });
    // What is only for people goes to no agent.
    const named = await post("", lab("{ a: {}, b: {} }", "{ name: One }"));
    expect(named.body).toMatchObject({ outcome: "applied" });
    expect(named.body.generations).toEqual({});
  });

  it("tells what changes of consoles, and publishes it once it is in force", async () => {
    const told: ConsolePolicies[] = [];
    session.subscribe(consolePolicies, {}, ({ payload }) => void told.push(payload));
    const lab = (n1: string, ...rules: string[]): string =>
      `site: lab\nagents: { a: {} }\nnodes:\n  n1: { ${n1} }\n${rules.join("")}`;
    const wire = "console: { agent: a, driver: serial, options: { path: /dev/ttyUSB0 } }";
    await start(lab(wire));
    await eventually("the policies", () => told.at(-1)?.nodes["n1"]);
    expect(told.at(-1)?.nodes["n1"]).toMatchObject({ agent: "a", driver: "serial" });
    expect(Object.keys(told.at(-1)?.rules ?? {})).toContain("panic");
    const next = lab(
      `${wire}, terminal: { telnet: 2301, writerIdle: 10m }`,
      "consoleRules: { panic: { sign: panic, actions: [event] } }\n",
    );
    const rule = '{"panic":{"actions":["event"],"sign":"panic"}}';
    expect((await post("", next)).body).toMatchObject({
      outcome: "applied",
      changes: [
        { kind: "added", path: "consoleRules", after: rule },
        {
          kind: "added",
          path: "nodes.n1.terminal",
          after: '{"telnet":2301,"writerIdle":"10m"}',
        },
      ],
    });
    await eventually("the port", () => told.at(-1)?.nodes["n1"]?.telnetPort === 2301);
    expect(told.at(-1)?.nodes["n1"]?.writerIdleMs).toBe(600_000);
    expect(told.at(-1)?.rules["panic"]?.actions).toEqual([{ kind: "event" }]);
    expect((await post("", lab("", "consoleRules: {}\n"))).body.outcome).toBe("applied");
    await eventually("no console is left", () => !told.at(-1)?.nodes["n1"]);
  });

  it("refuses what is wrong with line and path, and changes nothing", async () => {
    await start(site("n1: {}"));
    const refused = await post("?file=new.yaml", site("n1: {}", "n2: { pwer: {} }"));
    expect(refused).toMatchObject({
      status: 422,
      body: { outcome: "refused", faults: [{ file: "new.yaml", line: 5, path: "nodes.n2.pwer" }] },
    });
    expect(await client.ask(getSite, {}, ann)).toMatchObject({ revision: 1 });
    expect((await post("?dryRun=perhaps", "x")).status).toBe(400);
  });

  it("keeps nodes that are on or locked by others, unless it is forced", async () => {
    await start(site("n1: {}", "n2: {}", "n3: {}"));
    const unknown = {
      evidence: "Assumed",
      since: "2026-01-01T00:00:00.000Z",
      observedAt: "2026-01-01T00:00:00.000Z",
      staleAfterMs: 1000,
    } as const;
    const power = new Session({ url: broker.url, clientId: "power" });
    power.retain(
      powerState,
      { node: "n1" },
      { supply: { value: "On", ...unknown }, host: { value: "Unknown", ...unknown } },
    );
    power.start();
    await power.ready(within());
    const lock = await client.ask(
      acquireLock,
      { nodes: "n2" },
      { actor: "person:bob", via: "cli" },
    );
    await eventually(
      "both are known",
      async () => (await post("?dryRun=yes", site("n3: {}"))).body.faults.length === 2,
    );
    expect((await post("", site("n3: {}"))).body).toMatchObject({
      outcome: "refused",
      faults: [
        { path: "nodes.n1", message: expect.stringContaining("is on") },
        { path: "nodes.n2", message: expect.stringContaining("is locked by person:bob") },
      ],
    });
    await client.ask(releaseLock, { id: lock.id }, { actor: "person:bob", via: "cli" });
    expect((await post("", site("n3: {}"))).body.faults).toHaveLength(1);
    expect((await post("?force=yes", site("n3: {}"))).body.outcome).toBe("applied");
    await power.stop();
  });

  it("stays when the file has not changed since, and gives way when it has", async () => {
    await start(site("n1: {}"));
    expect((await post("", site("n2: {}"))).body.outcome).toBe("applied");
    await restart(site("n1: {}"));
    await eventually("the applied one", () => nodes.has("n2") && !nodes.has("n1"));
    expect(warnings.join()).toMatch(/outrider export.*outrider apply/);
    expect(await inventory?.reload()).toBe(true);
    expect(await client.ask(getSite, {}, ann)).toMatchObject({ revision: 2 });
    await restart(site("n3: {}"));
    await eventually("the file", () => nodes.has("n3") && !nodes.has("n2"));
    expect(await client.ask(getSite, {}, ann)).toMatchObject({
      revision: 3,
      appliedBy: "service:inventory",
    });
    // What is in force and what the file says are one: nothing new is recorded.
    await restart(site("n3: {}"));
    await eventually("it answers", () => client.ask(getSite, {}, ann).catch(() => undefined));
    expect(await client.ask(getSite, {}, ann)).toMatchObject({ revision: 3 });
  });
});
