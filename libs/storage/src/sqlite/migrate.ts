import { createHash } from "node:crypto";
import type { DatabaseSync } from "node:sqlite";
import { systemClock, timestamp } from "@outrider/contracts/clock";
import { StorageError } from "../storage-error.js";
import type { Migration, MigrationSet } from "../storage.js";

const TABLE = `CREATE TABLE IF NOT EXISTS outrider_migration (
  namespace TEXT NOT NULL,
  id INTEGER NOT NULL,
  name TEXT NOT NULL,
  hash TEXT NOT NULL,
  applied_at TEXT NOT NULL,
  PRIMARY KEY (namespace, id)
)`;

interface Applied {
  readonly id: number;
  readonly name: string;
  readonly hash: string;
}

/**
 * Applies what is missing, all of it in one transaction.
 * @throws StorageError `migration` when code and database do not belong together, or a step fails; nothing is applied then.
 */
export function migrate(db: DatabaseSync, set: MigrationSet): void {
  checkSet(set);
  // Rebuilding a table that others refer to needs the rules off; they are checked as a whole before the commit.
  db.exec("PRAGMA foreign_keys = OFF");
  db.exec("BEGIN IMMEDIATE");
  try {
    db.exec(TABLE);
    for (const step of pendingSteps(set, appliedSteps(db, set.namespace)))
      apply(db, set.namespace, step);
    db.exec("COMMIT");
  } catch (error) {
    if (db.isTransaction) db.exec("ROLLBACK");
    throw error;
  } finally {
    db.exec("PRAGMA foreign_keys = ON");
  }
}

/** @throws StorageError `migration` when not all steps are applied: a read-only storage applies none. */
export function checkMigrated(db: DatabaseSync, set: MigrationSet): void {
  checkSet(set);
  const known =
    db.prepare("SELECT 1 FROM sqlite_master WHERE name = 'outrider_migration'").get() !== undefined;
  const missing = pendingSteps(set, known ? appliedSteps(db, set.namespace) : []);
  if (missing.length > 0) {
    throw refused(
      set,
      `${title(missing[0])} is not applied yet; start its service once, a read-only storage applies nothing`,
    );
  }
}

/** What of `set` is still to be applied. Pure. @throws StorageError `migration` when `applied` is no beginning of it. */
export function pendingSteps(set: MigrationSet, applied: readonly Applied[]): readonly Migration[] {
  for (const [index, done] of applied.entries()) {
    const step = set.steps[index];
    const last = set.steps.at(-1);
    if (step?.id === done.id) {
      if (hashOf(step) !== done.hash) {
        throw refused(
          set,
          `${title(step)} was changed after it had been applied; restore its text and add a new migration`,
        );
      }
    } else if (last === undefined || done.id > last.id) {
      throw refused(
        set,
        `the database is newer than this program (it has ${title(done)}); run the newer release or restore a backup`,
      );
    } else {
      throw refused(
        set,
        `${title(done)} is applied but this program has ${title(step)} in its place; run the release it came from`,
      );
    }
  }
  return set.steps.slice(applied.length);
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

function checkSet(set: MigrationSet): void {
  if (!/^[a-z][a-z0-9_]{0,31}$/.test(set.namespace)) {
    throw new StorageError(
      "programming",
      "a migration namespace is lower-case letters, digits and _, at most 32",
    );
  }
  let before = 0;
  for (const step of set.steps) {
    if (!Number.isSafeInteger(step.id) || step.id <= before) {
      throw new StorageError(
        "programming",
        `migration ids of ${set.namespace} must rise, and ${step.id} follows ${before}`,
      );
    }
    before = step.id;
  }
}

function hashOf(step: Migration): string {
  return createHash("sha256").update(step.sql).digest("hex");
}

function title(step: { readonly id: number; readonly name: string } | undefined): string {
  return step === undefined ? "none" : `${step.id} (${step.name})`;
}

function refused(set: MigrationSet, why: string): StorageError {
  return new StorageError("migration", `migrations of ${set.namespace}: ${why}`);
}
