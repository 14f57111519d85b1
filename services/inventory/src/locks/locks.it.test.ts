import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { agentDescription } from "@outrider/contracts/agent";
import {
  acquireLock,
  breakLock,
  getLock,
  listLocks,
  nodeLock,
  releaseLock,
  renewLock,
  type AcquireLock,
  type Lock,
  type NodeLock,
} from "@outrider/contracts/lock";
import { commandId } from "@outrider/contracts/ids";
import { nodeEvent } from "@outrider/contracts/node";
import { serviceEvent } from "@outrider/contracts/service-plane";
import { RequestClient } from "@outrider/messaging/request-client";
import { Session } from "@outrider/messaging/session";
import { startTestBroker, type TestBroker } from "@outrider/testing/broker";
import { startNode, type Child } from "@outrider/testing/child";
import { eventually, within } from "@outrider/testing/eventually";
import { tempDir, type TempDir } from "@outrider/testing/temp-dir";
import { afterEach, beforeEach, describe, expect, it } from "vitest";

const MAIN = fileURLToPath(new URL("../main.js", import.meta.url));
const SITE =
  "site: lab\nagents: { rack-a: {} }\nnodes: { n1: {}, n2: {}, n3: { roles: [storage] } }\n";

let broker: TestBroker;
let folder: TempDir;
let session: Session;
let client: RequestClient;
let program: Child;
const documents = new Map<string, NodeLock>();
/** Every fence that was ever seen on a node's document, in order. */
const fences: number[] = [];
const events: string[] = [];
const states: string[] = [];

const env = (): Record<string, string> => ({
  OUTRIDER_SITE: join(folder.path, "site.yaml"),
  OUTRIDER_DATA: join(folder.path, "data"),
  OUTRIDER_MQTT_URL: broker.url,
});
const as = (name: string): { actor: string; via: "cli" } => ({
  actor: `person:${name}`,
  via: "cli",
});
const acquire = (ask: AcquireLock, who = "ann"): Promise<Lock> =>
  client.ask(acquireLock, ask, as(who));

beforeEach(async () => {
  documents.clear();
  for (const list of [fences, events, states]) list.length = 0;
  broker = await startTestBroker();
  folder = await tempDir();
  session = new Session({ url: broker.url, clientId: "gateway" });
  session.subscribe(
    nodeLock,
    {},
    ({ payload, parameters: { node } }) => {
      documents.set(node, payload);
      if (node === "n1") fences.push(payload.fence);
    },
    { cleared: ({ parameters: { node } }) => void documents.delete(node) },
  );
  session.subscribe(nodeEvent, {}, ({ payload }) => void events.push(payload.message));
  session.subscribe(
    serviceEvent,
    {},
    ({ payload }) => void states.push(`${payload.kind} ${String(payload.data["state"])}`),
  );
  client = new RequestClient(session, "gateway");
  session.start();
  await session.ready(within());
  await writeFile(env()["OUTRIDER_SITE"] ?? "", SITE);
  await start();
});

afterEach(async () => {
  await program[Symbol.asyncDispose]();
  await session.stop();
  await broker[Symbol.asyncDispose]();
  await folder.remove();
});

async function start(): Promise<void> {
  program = await startNode(MAIN, { env: env() });
  await eventually("it answers", () =>
    client.ask(listLocks, {}, { ...as("ann"), withinMs: 500 }).catch(() => undefined),
  );
}

describe("a lock", () => {
  it("is told on the document of each node, and by id to whoever asks", async () => {
    const lock = await acquire({ nodes: "n1,@storage", reason: "disk swap" });
    expect(lock).toMatchObject({ state: "Held", holder: "person:ann", fences: { n1: 1, n3: 1 } });
    await eventually("both documents", () => documents.size === 2);
    expect(documents.get("n1")).toMatchObject({
      fence: 1,
      waiting: 0,
      held: { holder: "person:ann", reason: "disk swap", lock: lock.id },
    });
    await expect(acquire({ nodes: "n1" }, "bob")).rejects.toMatchObject({
      code: "locked",
      message: expect.stringContaining("person:ann"),
    });
    const waits = await acquire({ nodes: "n1", queue: true }, "bob");
    expect(waits).toMatchObject({ state: "Queued", position: 0 });
    await client.ask(releaseLock, { id: lock.id }, as("ann"));
    await eventually("bob has it", () => documents.get("n1")?.held?.holder === "person:bob");
    expect(documents.get("n1")?.fence).toBe(2);
    expect(documents.get("n3")).toEqual({ fence: 1, waiting: 0 });
    const page = await client.ask(listLocks, { active: false }, as("ann"));
    expect(page.locks.map(({ state }) => state)).toEqual(["Held", "Released"]);
    await eventually(
      "the changes were told",
      () => states.filter((one) => one.startsWith("lock")).length === 4,
    );
    expect(states).toEqual(["lock Held", "lock Queued", "lock Released", "lock Held"]);
  });

  it("is asked for once per id", async () => {
    const id = commandId("mine");
    const first = await acquire({ id, nodes: "n1" });
    expect(await acquire({ id, nodes: "n1" })).toEqual(first);
    await expect(acquire({ id, nodes: "n2" })).rejects.toMatchObject({ code: "conflict" });
    await expect(acquire({ id, nodes: "n1" }, "bob")).rejects.toMatchObject({ code: "conflict" });
    await client.ask(releaseLock, { id }, as("ann"));
    expect(await acquire({ id, nodes: "n1" })).toMatchObject({ state: "Released" });
    await expect(client.ask(renewLock, { id }, as("ann"))).rejects.toMatchObject({
      code: "precondition-failed",
    });
  });

  it("that is broken is told on its nodes, and the fence has risen", async () => {
    const lock = await acquire({ nodes: "n1" });
    const broken = await client.ask(breakLock, { id: lock.id, reason: "on holiday" }, as("eve"));
    expect(broken).toMatchObject({ state: "Broken", endedBy: "person:eve" });
    await eventually("told", () => events.length === 1);
    expect(events).toEqual(["person:eve broke the lock of person:ann: on holiday"]);
    await eventually("free", () => documents.get("n1")?.held === undefined);
    expect(documents.get("n1")?.fence).toBe(2);
  });

  it("is nobody's whom the broker does not know", async () => {
    const asked = client.ask(
      acquireLock,
      { nodes: "n1" },
      { actor: "mqtt:unattributed", via: "mqtt" },
    );
    await expect(asked).rejects.toMatchObject({ code: "not-allowed" });
    await expect(acquire({ nodes: "n9" })).rejects.toMatchObject({ code: "invalid" });
  });

  it("ends with its lease", async () => {
    const lock = await acquire({ nodes: "n1", leaseMs: 1000 });
    await eventually(
      "it has expired",
      () => documents.get("n1")?.held === undefined && documents.size === 1,
    );
    expect(await client.ask(getLock, { id: lock.id }, as("ann"))).toMatchObject({
      state: "Expired",
    });
  });
});

describe("the service", () => {
  it("is killed, and locks and queue go on with fences that only rise (P6)", async () => {
    const lock = await acquire({ nodes: "n1,n2" });
    const waits = await acquire({ nodes: "n1", queue: true }, "bob");
    await program.kill("SIGKILL");
    await start();
    expect(await client.ask(getLock, { id: lock.id }, as("ann"))).toMatchObject({
      state: "Held",
      since: lock.since,
      fences: { n1: 1, n2: 1 },
    });
    expect(await client.ask(getLock, { id: waits.id }, as("bob"))).toMatchObject({
      state: "Queued",
    });
    await client.ask(releaseLock, { id: lock.id }, as("ann"));
    await eventually("bob has it", () => documents.get("n1")?.held?.holder === "person:bob");
    expect(documents.get("n1")?.fence).toBe(2);
    expect(fences).toEqual(fences.toSorted((a, b) => a - b));
  });

  it("raises its fence above what an agent has seen (P6)", async () => {
    await acquire({ nodes: "n1" });
    const agent = new Session({ url: broker.url, clientId: "agent-rack-a" });
    agent.retain(
      agentDescription,
      { agent: "rack-a" },
      { epoch: "e", generation: 0, endpoints: [], drivers: [], fences: { n1: 41, n9: 5 } },
    );
    agent.start();
    await eventually("it has risen", () => documents.get("n1")?.fence === 42);
    expect(documents.has("n9")).toBe(false);
    await agent.stop();
  });

  it("ends a lock whose node is not declared any more, and clears its document", async () => {
    const lock = await acquire({ nodes: "n1,n2" });
    await writeFile(env()["OUTRIDER_SITE"] ?? "", "site: lab\nagents: {}\nnodes: { n2: {} }\n");
    await program.kill("SIGHUP");
    await eventually(
      "n1 is cleared and n2 free",
      () => !documents.has("n1") && documents.get("n2")?.held === undefined,
    );
    expect(await client.ask(getLock, { id: lock.id }, as("ann"))).toMatchObject({
      state: "Broken",
      endedBy: "service:inventory",
    });
    expect(documents.get("n2")?.fence).toBe(2);
  });
});
