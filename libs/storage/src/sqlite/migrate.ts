import type { DatabaseSync } from "node:sqlite";
import { systemClock, timestamp } from "@outrider/contracts/clock";
import {
  checkSets,
  hashOf,
  OWN_TABLES,
  pendingSteps,
  refuseMissing,
  title,
  type Applied,
} from "../migration-steps.js";
import { StorageError } from "../storage-error.js";
import type { Migration, MigrationSet } from "../storage.js";

/**
 * Applies what is missing, all of it in one transaction.
 * @throws StorageError `migration` when code and database do not belong together, or a step fails; nothing is applied then.
 */
export function migrate(db: DatabaseSync, sets: readonly MigrationSet[]): void {
  checkSets(sets);
  // Rebuilding a table that others refer to needs the rules off; they are checked as a whole before the commit.
  db.exec("PRAGMA foreign_keys = OFF");
  db.exec("BEGIN IMMEDIATE");
  try {
    db.exec(OWN_TABLES);
    for (const set of sets) {
      for (const step of pendingSteps(set, appliedSteps(db, set.namespace)))
        apply(db, set.namespace, step);
      keepText(db, set);
    }
    db.exec("COMMIT");
  } catch (error) {
    if (db.isTransaction) db.exec("ROLLBACK");
    throw error;
  } finally {
    db.exec("PRAGMA foreign_keys = ON");
  }
}

/** @throws StorageError `migration` when not all steps are applied: a read-only storage applies none. */
export function checkMigrated(db: DatabaseSync, sets: readonly MigrationSet[]): void {
  checkSets(sets);
  const known =
    db.prepare("SELECT 1 FROM sqlite_master WHERE name = 'outrider_migration'").get() !== undefined;
  for (const set of sets) refuseMissing(set, known ? appliedSteps(db, set.namespace) : []);
}

function keepText(db: DatabaseSync, { namespace, steps }: MigrationSet): void {
  const keep = db.prepare(
    "INSERT INTO outrider_migration_text (namespace, id, sql) VALUES (?, ?, ?) ON CONFLICT DO NOTHING",
  );
  for (const { id, sql } of steps) keep.run(namespace, id, sql);
}

function appliedSteps(db: DatabaseSync, namespace: string): Applied[] {
  const rows = db
    .prepare("SELECT id, name, hash FROM outrider_migration WHERE namespace = ? ORDER BY id")
    .all(namespace);
  return rows as unknown as Applied[];
}

function apply(db: DatabaseSync, namespace: string, step: Migration): void {
  try {
    db.exec(step.sql);
    if (!db.isTransaction)
      throw new StorageError("migration", "it ends the transaction; leave BEGIN and COMMIT out");
    const orphan = db.prepare("PRAGMA foreign_key_check").get();
    if (orphan)
      throw new StorageError(
        "migration",
        `it leaves rows of ${String(orphan["table"])} without the rows they refer to`,
      );
    db.prepare(
      "INSERT INTO outrider_migration (namespace, id, name, hash, applied_at) VALUES (?, ?, ?, ?, ?)",
    ).run(namespace, step.id, step.name, hashOf(step), timestamp(systemClock));
  } catch (cause) {
    // A full or failing disk is no fault of the step: it keeps its own code.
    if (sqlitePrimary(cause) !== undefined && ![1, 19].includes(sqlitePrimary(cause) ?? 0))
      throw cause;
    const said = cause instanceof Error ? cause.message : String(cause);
    throw new StorageError(
      "migration",
      `migration ${namespace} ${title(step)} failed, nothing is applied: ${said}`,
      { cause },
    );
  }
}

function sqlitePrimary(error: unknown): number | undefined {
  return error instanceof Error && "errcode" in error && typeof error.errcode === "number"
    ? error.errcode & 0xff
    : undefined;
}
