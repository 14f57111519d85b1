import { systemClock } from "@outrider/contracts/clock";
import { openStorage } from "@outrider/storage/open-storage";
import { hasPostgres, startPostgres } from "@outrider/testing/postgres";
import { describe, expect, it } from "vitest";
import type { AuditEntry } from "./audit-entry.js";
import { AuditLog } from "./audit-log.js";
import { auditMigrations } from "./audit-migrations.js";

const on = (node: string): AuditEntry => ({
  actor: "person:alice",
  via: "rest",
  act: "power.actuate",
  subject: node,
  reason: "because",
  data: { node, ключ: [1, { b: null, a: 0.1 }] },
});

describe.skipIf(!hasPostgres())("an audit log in PostgreSQL", () => {
  it("keeps, seals, finds, proves and prunes as in SQLite", async () => {
    await using server = await startPostgres();
    const url = await server.database();
    const storage = await openStorage({ url, migrations: auditMigrations("power") });
    const clock = systemClock;
    const log = await AuditLog.open({ storage, log: "power", clock });
    await Promise.all(Array.from({ length: 40 }, (_, index) => log.append(on(`n${index}`))));
    await expect(
      storage.write([
        ...log.statements(on("never")),
        { sql: "UPDATE power_audit SET at = at WHERE seq = 0", expectChanges: 1 },
      ]),
    ).rejects.toMatchObject({ code: "precondition" });
    await log.append(on("last"));
    const whole = await log.verify();
    expect(whole).toEqual({ log: "power", intact: true, records: 41, head: log.head()?.hash });
    expect((await log.search({ subject: "never" })).records).toEqual([]);
    expect((await log.search({ subject: "last" })).records).toMatchObject([
      { seq: 41, reason: "because", data: { node: "last", ключ: [1, { b: null, a: 0.1 }] } },
    ]);
    await log.close();
    const again = await AuditLog.open({ storage, log: "power", clock });
    expect(again.head()).toEqual({ seq: 41, hash: whole.head });
    const { at = "" } = (await again.search({ limit: 1 })).records[0] ?? {};
    expect(await again.prune(new Date(Date.parse(at) + 1), on("n1"))).toBe(41);
    await again.append(on("after"));
    expect(await again.verify()).toMatchObject({ intact: true, records: 2 });
    await storage.write([{ sql: "UPDATE power_audit SET actor = 'person:eve' WHERE seq = 43" }]);
    expect(await again.verify()).toMatchObject({ intact: false, brokenAt: 43 });
    await again.close();
    await storage.close();
  });
});
