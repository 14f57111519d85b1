import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { agentDescription } from "@outrider/contracts/agent";
import { nodeId } from "@outrider/contracts/ids";
import {
  dismissProposal,
  getFacts,
  getHistory,
  listDrift,
  listProposals,
  reportFacts,
  type Part,
} from "@outrider/contracts/inventory";
import { silentLog } from "@outrider/messaging/log";
import { RequestClient } from "@outrider/messaging/request-client";
import { Session } from "@outrider/messaging/session";
import { startTestBroker, type TestBroker } from "@outrider/testing/broker";
import { eventually, within } from "@outrider/testing/eventually";
import { tempDir, type TempDir } from "@outrider/testing/temp-dir";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { startInventory, type RunningInventory } from "../start.js";

const ann = { actor: "person:ann", via: "cli" } as const;
const SITE = `site: lab
agents: { rack-a: {} }
nodes:
  n1: { serial: board-1, macs: ["d8:3a:dd:00:00:01"], roles: [storage], power: { agent: rack-a, driver: qemu, options: { slot: 1 } } }
  n2: { serial: board-2 }
roles: { storage: { disks: { data: { count: 2, minimumBytes: 1TB } } } }
`;
const disk = (serial: string, bytes = 2e12): Part => ({
  kind: "disk",
  serial,
  slot: `nvme-${serial}`,
  bytes,
});
const nic = (serial: string): Part => ({ kind: "nic", serial });

let broker: TestBroker;
let folder: TempDir;
let session: Session;
let client: RequestClient;
let inventory: RunningInventory;

beforeEach(async () => {
  broker = await startTestBroker();
  folder = await tempDir();
  const file = join(folder.path, "site.yaml");
  await writeFile(file, SITE);
  inventory = await startInventory(
    { mqttUrl: broker.url, dataDirectory: join(folder.path, "data"), siteFile: file },
    { log: silentLog },
  );
  session = new Session({ url: broker.url, clientId: "gateway" });
  client = new RequestClient(session, "gateway");
  session.start();
  await session.ready(within());
  await inventory.session.ready(within());
  await eventually("it answers", () => client.ask(listProposals, {}, ann).catch(() => undefined));
});

afterEach(async () => {
  await inventory.stop();
  await session.stop();
  await broker[Symbol.asyncDispose]();
  await folder.remove();
});

const report = (
  source: string,
  parts: Part[],
  more: { node?: string; serial?: string } = {},
): Promise<object> =>
  client.ask(
    reportFacts,
    {
      source,
      parts,
      ...(more.node === undefined ? {} : { node: nodeId(more.node) }),
      ...(more.serial === undefined ? {} : { serial: more.serial }),
    },
    ann,
  );

const drift = async (): Promise<string[]> =>
  (await client.ask(listDrift, {}, ann)).drift
    .map(({ kind, subject, found }) => `${kind} ${subject} ${found}`)
    .toSorted();

describe("facts", () => {
  it("are kept by source, found by serial number, and told with who saw them and when", async () => {
    expect(await report("boot", [disk("d1")], { serial: "BOARD-1" })).toEqual({
      node: "n1",
      changed: 2,
    });
    expect(await report("boot", [disk("d1")], { serial: "board-1" })).toEqual({
      node: "n1",
      changed: 1,
    });
    expect(await report("person", [nic("D8:3A:DD:00:00:01")])).toEqual({ node: "n1", changed: 1 });
    const { parts } = await client.ask(getFacts, { node: nodeId("n1") }, ann);
    expect(parts.map(({ source, part }) => `${source} ${part.kind} ${part.serial ?? ""}`)).toEqual([
      "boot board board-1",
      "boot disk d1",
      "person nic D8:3A:DD:00:00:01",
    ]);
    await expect(report("boot", [], { node: "n9" })).rejects.toMatchObject({ code: "not-found" });
    await expect(report("boot", [])).rejects.toMatchObject({ code: "invalid" });
  });

  it.each([
    ["while the other node is not looked at", false],
    ["after the other node was seen without it", true],
  ])("tell that a part has moved, %s", async (_, seenGone) => {
    await report("boot", [disk("d1"), disk("d2")], { node: "n1" });
    if (seenGone) await report("boot", [disk("d2")], { node: "n1" });
    await report("boot", [disk("d1")], { node: "n2" });
    const { entries } = await client.ask(getHistory, { part: "d1" }, ann);
    expect(entries[0]).toMatchObject({ what: "moved", node: "n2", from: "n1" });
    const ofNode = await client.ask(getHistory, { node: nodeId("n1") }, ann);
    expect(ofNode.entries[0]).toMatchObject({ what: "moved", part: "d1" });
    const { parts } = await client.ask(getFacts, { node: nodeId("n1") }, ann);
    expect(parts.map(({ part }) => part.serial)).toEqual(["d2"]);
    const page = await client.ask(getHistory, { node: nodeId("n1"), limit: 1 }, ann);
    const next = await client.ask(
      getHistory,
      { node: nodeId("n1"), ...(page.next === undefined ? {} : { cursor: page.next }) },
      ann,
    );
    expect([...page.entries, ...next.entries]).toEqual(ofNode.entries);
  });
});

describe("drift", () => {
  it("is where agents, endpoints, serial numbers, addresses and disks are not what is declared", async () => {
    expect(await drift()).toEqual(["agent rack-a nothing"]);
    const agent = new Session({ url: broker.url, clientId: "agent-rack-a" });
    agent.retain(
      agentDescription,
      { agent: "rack-a" },
      {
        epoch: "e",
        generation: 1,
        drivers: [{ port: "power", driver: "qemu", summary: "", actions: ["On"], options: {} }],
        endpoints: [
          {
            endpoint: "n1.power" as never,
            node: nodeId("n1"),
            port: "power",
            driver: "qemu",
            state: "failed",
            actions: [],
            reason: "no such slot",
          },
        ],
        fences: {},
      },
    );
    agent.start();
    await eventually(
      "the endpoint is seen",
      async () => (await drift()).join() === "endpoint n1 failed",
    );
    await report("boot", [disk("d1"), disk("small", 1e9), nic("00:00:00:00:00:09")], {
      node: "n1",
      serial: "board-9",
    });
    const all = await drift();
    expect(all).toEqual([
      "disks n1 1",
      "endpoint n1 failed",
      "mac n1 00:00:00:00:00:09",
      "serial n1 board-9",
    ]);
    const first = await client.ask(listDrift, {}, ann);
    expect(first.total).toBe(4);
    expect(await client.ask(listDrift, {}, ann)).toEqual(first);
    await report("boot", [disk("d1"), disk("d2"), nic("d8:3a:dd:00:00:01")], {
      node: "n1",
      serial: "board-1",
    });
    expect(await drift()).toEqual(["endpoint n1 failed"]);
    await agent.stop();
  });
});

describe("proposals", () => {
  it("are what was seen and is not declared, with what to write, until they are dismissed", async () => {
    const agent = new Session({ url: broker.url, clientId: "agent-rack-z" });
    agent.retain(
      agentDescription,
      { agent: "rack-z" },
      { epoch: "e", generation: 0, drivers: [], endpoints: [], fences: {} },
    );
    agent.start();
    await report("boot", [nic("00:00:00:00:00:0A")], { serial: "unknown-1" });
    await report("boot", [nic("00:00:00:00:00:0b")], { node: "n1" });
    const proposals = await eventually("three proposals", async () => {
      const { proposals: all } = await client.ask(listProposals, {}, ann);
      return all.length === 3 && all;
    });
    const suggestions = Object.fromEntries(
      proposals.map(({ kind, suggestion }) => [kind, suggestion]),
    );
    expect(suggestions).toEqual({
      agent: "agents:\n  rack-z: {}\n",
      node: 'nodes:\n  new-node:\n    serial: "unknown-1"\n    macs: ["00:00:00:00:00:0a"]\n',
      address: 'nodes:\n  n1:\n    macs: ["d8:3a:dd:00:00:01", "00:00:00:00:00:0b"]\n',
    });
    const node = proposals.find(({ kind }) => kind === "node");
    await client.ask(dismissProposal, { id: node?.id ?? "" }, ann);
    await report("boot", [nic("00:00:00:00:00:0A")], { serial: "unknown-1" });
    expect((await client.ask(listProposals, {}, ann)).proposals).toHaveLength(2);
    await report("boot", [nic("00:00:00:00:00:0A"), disk("d9")], { serial: "unknown-1" });
    expect((await client.ask(listProposals, {}, ann)).proposals).toHaveLength(3);
    await expect(client.ask(dismissProposal, { id: "none" }, ann)).rejects.toMatchObject({
      code: "not-found",
    });
    await agent.stop();
  });
});
