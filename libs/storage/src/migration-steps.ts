import { createHash } from "node:crypto";
import { StorageError } from "./storage-error.js";
import type { Migration, MigrationSet } from "./storage.js";

/**
 * What storage itself keeps in each database: which migrations were applied, their text (by which a restore makes the
 * tables again), and from which backup it was restored.
 */
export const OWN_TABLES = `
  CREATE TABLE IF NOT EXISTS outrider_migration (
    namespace TEXT NOT NULL,
    id INTEGER NOT NULL,
    name TEXT NOT NULL,
    hash TEXT NOT NULL,
    applied_at TEXT NOT NULL,
    PRIMARY KEY (namespace, id)
  );
  CREATE TABLE IF NOT EXISTS outrider_migration_text (
    namespace TEXT NOT NULL,
    id INTEGER NOT NULL,
    sql TEXT NOT NULL,
    PRIMARY KEY (namespace, id)
  );
  CREATE TABLE IF NOT EXISTS outrider_restore (
    namespace TEXT NOT NULL PRIMARY KEY,
    id TEXT NOT NULL,
    restored_at TEXT NOT NULL,
    backup_at TEXT NOT NULL
  )`;

/** A migration that stands in the database. */
export interface Applied {
  readonly id: number;
  readonly name: string;
  readonly hash: string;
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

/** @throws StorageError `migration` when not all steps are applied */
export function refuseMissing(set: MigrationSet, applied: readonly Applied[]): void {
  const missing = pendingSteps(set, applied);
  if (missing.length > 0) {
    throw refused(
      set,
      `${title(missing[0])} is not applied yet; start its service once, a read-only storage applies nothing`,
    );
  }
}

/** @throws StorageError `programming` for a list that no database could be asked to follow */
export function checkSets(sets: readonly MigrationSet[]): void {
  const namespaces = new Set(sets.map(({ namespace }) => namespace));
  if (namespaces.size !== sets.length)
    throw new StorageError("programming", "two migration sets of one namespace");
  for (const set of sets) checkSet(set);
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

export function hashOf(step: Migration): string {
  return createHash("sha256").update(step.sql).digest("hex");
}

export function title(step: { readonly id: number; readonly name: string } | undefined): string {
  return step === undefined ? "none" : `${step.id} (${step.name})`;
}

function refused(set: MigrationSet, why: string): StorageError {
  return new StorageError("migration", `migrations of ${set.namespace}: ${why}`);
}
