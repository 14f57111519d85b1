import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { auditMigrations } from "@outrider/audit/audit-migrations";
import { verifyAudit } from "@outrider/contracts/audit";
import { nodeId } from "@outrider/contracts/ids";
import {
  getFacts,
  getHistory,
  getSite,
  listDrift,
  listProposals,
  reportFacts,
} from "@outrider/contracts/inventory";
import { acquireLock, getLock, listLocks, releaseLock } from "@outrider/contracts/lock";
import { silentLog } from "@outrider/messaging/log";
import { RequestClient } from "@outrider/messaging/request-client";
import { Session } from "@outrider/messaging/session";
import { openStorage } from "@outrider/storage/open-storage";
import { startTestBroker, type TestBroker } from "@outrider/testing/broker";
import { eventually, within } from "@outrider/testing/eventually";
import { hasPostgres, startPostgres } from "@outrider/testing/postgres";
import { tempDir, type TempDir } from "@outrider/testing/temp-dir";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { MIGRATIONS } from "./agent-records.js";
import { startInventory, type RunningInventory } from "./start.js";

const ann = { actor: "person:ann", via: "cli", withinMs: 10_000 } as const;
const SITE = "site: lab\nagents: {}\nnodes: { n1: {}, n2: {}, n3: {} }\n";

let broker: TestBroker;
let folder: TempDir;
let session: Session;
let client: RequestClient;
let inventory: RunningInventory;

beforeEach(async () => {
  broker = await startTestBroker();
  folder = await tempDir();
  session = new Session({ url: broker.url, clientId: "gateway" });
  client = new RequestClient(session, "gateway");
  session.start();
  await session.ready(within());
  await writeFile(join(folder.path, "site.yaml"), SITE);
});

afterEach(async () => {
  await inventory.stop();
  await session.stop();
  await broker[Symbol.asyncDispose]();
  await folder.remove();
});

async function start(databaseUrl?: string): Promise<void> {
  inventory = await startInventory(
    {
      mqttUrl: broker.url,
      dataDirectory: join(folder.path, "data"),
      siteFile: join(folder.path, "site.yaml"),
      databaseUrl,
    },
    { log: silentLog },
  );
  await inventory.session.ready(within());
  await eventually("it answers", () =>
    client.ask(listLocks, {}, { ...ann, withinMs: 500 }).catch(() => undefined),
  );
}

async function live(databaseUrl?: string): Promise<void> {
  await start(databaseUrl);
  const lock = await client.ask(acquireLock, { nodes: "n[1-2]" }, ann);
  const waits = await client.ask(acquireLock, { nodes: "n2,n3", queue: true, priority: 80 }, ann);
  const part = { kind: "disk", serial: "d1", bytes: 10 };
  await client.ask(reportFacts, { node: nodeId("n1"), source: "boot", parts: [part] }, ann);
  await client.ask(reportFacts, { node: nodeId("n2"), source: "boot", parts: [part] }, ann);
  await client.ask(reportFacts, { serial: "unknown", source: "boot", parts: [] }, ann);
  await inventory.stop();
  await start(databaseUrl);
  expect(await client.ask(getLock, { id: lock.id }, ann)).toMatchObject({
    state: "Held",
    nodes: "n[1-2]",
    fences: { n1: 1, n2: 1 },
  });
  await client.ask(releaseLock, { id: lock.id }, ann);
  expect(await client.ask(getLock, { id: waits.id }, ann)).toMatchObject({
    state: "Held",
    priority: 80,
    fences: { n2: 2, n3: 1 },
  });
  expect((await client.ask(getFacts, { node: nodeId("n2") }, ann)).parts).toMatchObject([
    { part, source: "boot" },
  ]);
  expect((await client.ask(getHistory, { part: "d1" }, ann)).entries[0]).toMatchObject({
    what: "moved",
    from: "n1",
    node: "n2",
  });
  expect((await client.ask(listProposals, {}, ann)).proposals).toMatchObject([
    { kind: "node", subject: "unknown" },
  ]);
  expect(await client.ask(listDrift, {}, ann)).toEqual({ drift: [], total: 0 });
  expect(await client.ask(getSite, {}, ann)).toMatchObject({ revision: 1, nodes: 3 });
  expect(await client.ask(verifyAudit.inventory, {}, ann)).toMatchObject({ intact: true });
}

describe("what the service keeps", () => {
  it("is there again after a restart, in SQLite", () => live());

  it.skipIf(!hasPostgres())("is there again after a restart, in PostgreSQL", async () => {
    await using server = await startPostgres();
    await live(await server.database());
    await inventory.stop();
  });

  it("that was put back from a backup raises every fence above any that was given since, once (P6)", async () => {
    await start();
    await client.ask(acquireLock, { nodes: "n1" }, ann);
    await inventory.stop();
    const file = join(folder.path, "data", "inventory.sqlite");
    const storage = await openStorage({
      file,
      migrations: [MIGRATIONS, auditMigrations("inventory")],
    });
    await storage.write([
      {
        sql: "INSERT INTO outrider_restore (namespace, id, restored_at, backup_at) VALUES (?, ?, ?, ?)",
        params: ["inventory", "r1", "2026-01-02T00:00:00.000Z", "2026-01-01T00:00:00.000Z"],
      },
    ]);
    await storage.close();
    for (const restart of [1, 2]) {
      await start();
      const lock = await client.ask(acquireLock, { nodes: "n3" }, ann);
      expect(lock.fences, `start ${restart}`).toEqual({ n3: 2 ** 20 + restart });
      await client.ask(releaseLock, { id: lock.id }, ann);
      if (restart === 1) await inventory.stop();
    }
    const { locks } = await client.ask(listLocks, {}, ann);
    expect(locks).toHaveLength(1);
    expect(await client.ask(getLock, { id: locks[0]?.id ?? ("" as never) }, ann)).toMatchObject({
      state: "Held",
      fences: { n1: 2 ** 20 + 1 },
    });
  });
});
