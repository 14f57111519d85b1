import { systemClock } from "@outrider/contracts/clock";
import { openStorage } from "@outrider/storage/open-storage";
import { anchorPath } from "../anchor-file.js";
import { AuditLog } from "../audit-log.js";
import { auditMigrations } from "../audit-migrations.js";

/** Writes records one after the other, and says each once it is durable. Killed by its test. */
const [data = ""] = process.argv.slice(2);
const storage = await openStorage({
  file: `${data}/power.sqlite`,
  migrations: auditMigrations("power"),
});
const log = await AuditLog.open({
  storage,
  log: "power",
  clock: systemClock,
  anchor: anchorPath(data, "power"),
});
process.stdout.write(`opened ${log.head()?.seq ?? 0}\n`);
for (let number = 1; ; number++) {
  const [, result] = await storage.write([
    ...log.statements({
      actor: "person:alice",
      via: "rest",
      act: "power.actuate",
      subject: `n${number}`,
    }),
    { sql: "SELECT MAX(seq) AS seq FROM power_audit" },
  ]);
  process.stdout.write(`wrote ${String(result?.rows[0]?.["seq"])}\n`);
}
