import type { MigrationSet } from "@outrider/storage/storage";

/** The table of an owner's log. */
export const auditTable = (owner: string): string => `${owner}_audit`;

/**
 * The table `<owner>_audit`, as a migration set of its own beside the owner's:
 * `openStorage({…, migrations: [POWER_MIGRATIONS, auditMigrations("power")]})`.
 *
 * Nothing in the database gives out positions: the insert takes the highest plus one, so that a transaction that
 * is rolled back leaves no gap that would look like a record taken out.
 *
 * @param owner lower-case letters, digits and _; of an agent `agent`
 */
export function auditMigrations(owner: string): MigrationSet {
  const table = auditTable(owner);
  return {
    namespace: table,
    steps: [
      {
        id: 1,
        name: "audit log",
        sql: `
          CREATE TABLE ${table} (
            seq INTEGER NOT NULL PRIMARY KEY,
            at TEXT NOT NULL,
            log TEXT NOT NULL,
            actor TEXT NOT NULL,
            via TEXT NOT NULL,
            act TEXT NOT NULL,
            subject TEXT NOT NULL,
            stage TEXT NOT NULL,
            reason TEXT,
            data TEXT,
            hash TEXT
          );
          CREATE INDEX ${table}_subject ON ${table} (subject, seq);`,
      },
    ],
  };
}
