import { join } from "node:path";
import { AuditLog } from "@outrider/audit/audit-log";
import { auditMigrations } from "@outrider/audit/audit-migrations";
import { agentId } from "@outrider/contracts/ids";
import { silentLog } from "@outrider/messaging/log";
import { Session } from "@outrider/messaging/session";
import { openStorage } from "@outrider/storage/open-storage";
import type { Storage } from "@outrider/storage/storage";
import { StorageError } from "@outrider/storage/storage-error";
import { tempDir, type TempDir } from "@outrider/testing/temp-dir";
import { eventually } from "@outrider/testing/eventually";
import { VirtualClock } from "@outrider/testing/virtual-clock";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { AgentRecords, MIGRATIONS } from "../agent-records.js";
import { History } from "../facts/history.js";
import { Inventory } from "../inventory.js";
import { Locks } from "../locks/locks.js";
import { LockStore } from "../locks/lock-store.js";
import { readSite } from "../site-file.js";
import { Supplies } from "../supplies.js";
import { SiteRecord } from "./site-record.js";
import { SiteStore } from "./site-store.js";

const ann = { actor: "person:ann", via: "cli" } as const;
const options = { dryRun: false, force: false, file: "site.yaml" };
const textOf = (agent: string): string => `site: lab\nagents: { ${agent}: {} }\nnodes:\n  n1: {}\n`;

describe("a site that is recorded when the store fails", () => {
  let folder: TempDir;
  let storage: Storage;
  let audit: AuditLog;
  let clock: VirtualClock;
  let inventory: Inventory;
  let locks: Locks;
  let record: SiteRecord;
  /** Whether what agents shall have can be written. */
  let isFull: boolean;

  beforeEach(async () => {
    isFull = false;
    clock = new VirtualClock();
    folder = await tempDir();
    storage = await openStorage({
      file: join(folder.path, "inventory.sqlite"),
      migrations: [MIGRATIONS, auditMigrations("inventory")],
    });
    audit = await AuditLog.open({ storage, log: "inventory", clock });
    // Never connected: what is published waits.
    const session = new Session({ url: "mqtt://127.0.0.1:1", clientId: "inventory" });
    const log = silentLog;
    const records = new AgentRecords(storage);
    const setDesired = records.setDesired.bind(records);
    records.setDesired = (...desired) =>
      isFull
        ? Promise.reject(new StorageError("full", "the disk is full"))
        : setDesired(...desired);
    locks = new Locks({ session, clock, log, audit, store: new LockStore(storage) });
    inventory = new Inventory({
      session,
      records,
      locks,
      clock,
      log,
      version: "1",
      undeclared: () => Promise.resolve(),
    });
    record = new SiteRecord({
      store: new SiteStore(storage),
      inventory,
      locks,
      supplies: new Supplies(),
      history: new History(storage, clock),
      audit,
      session,
      clock,
      log,
    });
    await locks.resume();
    const text = textOf("a1");
    await record.start({ path: "site.yaml", text, site: readSite(text, "site.yaml") });
  });

  afterEach(async () => {
    await inventory.stop();
    await locks.stop();
    await audit.close();
    await storage.close();
    await folder.remove();
  });

  it("is told to be applied with a warning, and put into force when the store works again", async () => {
    isFull = true;
    const applied = await record.apply(textOf("a2"), ann, options);
    expect(applied).toMatchObject({
      outcome: "applied",
      site: { revision: 2 },
      warnings: [{ message: expect.stringContaining("not wholly in force") as string }],
    });
    const again = await record.apply(textOf("a2"), ann, options);
    expect(again).toMatchObject({ outcome: "unchanged", warnings: [{ file: "site.yaml" }] });
    await clock.advance(3000);
    expect(inventory.isOwing).toBe(true);
    isFull = false;
    await eventually("it is in force", async () => {
      await clock.advance(1000);
      return !inventory.isOwing;
    });
    expect(inventory.verdict(agentId("a2"))).toBe("verified");
    expect(await new AgentRecords(storage).agents()).toContain("a2");
    const quiet = await record.apply(textOf("a2"), ann, options);
    expect(quiet).toMatchObject({ outcome: "unchanged", warnings: [] });
  });

  it("is not put into force any more when another one has taken its place", async () => {
    isFull = true;
    await record.apply(textOf("a2"), ann, options);
    isFull = false;
    expect(await record.apply(textOf("a3"), ann, options)).toMatchObject({
      outcome: "applied",
      warnings: [],
    });
    await clock.advance(5000);
    expect(inventory.site?.agents).toEqual(["a3"]);
    expect(await new AgentRecords(storage).agents()).not.toContain("a2");
  });

  it("is put into force later also when it came from the configured file", async () => {
    isFull = true;
    const text = textOf("a2");
    await record.reload({ path: "site.yaml", text, site: readSite(text, "site.yaml") });
    isFull = false;
    await eventually("it is in force", async () => {
      await clock.advance(1000);
      return !inventory.isOwing;
    });
    expect(inventory.site?.agents).toEqual(["a2"]);
  });
});
