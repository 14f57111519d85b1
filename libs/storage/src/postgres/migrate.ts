import { systemClock, timestamp } from "@outrider/contracts/clock";
import type { Client } from "pg";
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
import { schemaToPostgres } from "./dialect.js";
import { sqlState } from "./postgres-failure.js";

/** Key of the advisory lock under which tables are made: "outrider" as ASCII, in 63 bits. */
const MIGRATION_LOCK = "8031170695246603634";

/**
 * What PostgreSQL needs beside the tables of all storages.
 * `outrider_writer`: the number of the last group that a connection committed, by which a lost commit is told.
 * `outrider_lease`: the active instance of each service.
 */
const SERVER_TABLES = `
  CREATE TABLE IF NOT EXISTS outrider_writer (
    id TEXT PRIMARY KEY,
    commits BIGINT NOT NULL,
    at TIMESTAMPTZ NOT NULL DEFAULT now()
  );
  CREATE TABLE IF NOT EXISTS outrider_lease (
    name TEXT PRIMARY KEY,
    epoch BIGINT NOT NULL,
    holder TEXT NOT NULL,
    since TIMESTAMPTZ NOT NULL,
    until TIMESTAMPTZ NOT NULL
  )`;

/**
 * Applies what is missing, all of it in one transaction; of several that start together one after another.
 * @throws StorageError `migration` when code and database do not belong together, or a step fails; nothing is applied then.
 */
export async function migrate(client: Client, sets: readonly MigrationSet[]): Promise<void> {
  checkSets(sets);
  await inSchemaTransaction(client, async () => {
    for (const set of sets) {
      for (const step of pendingSteps(set, await appliedSteps(client, set.namespace)))
        await apply(client, set.namespace, step);
      for (const { id, sql } of set.steps) {
        await client.query(
          "INSERT INTO outrider_migration_text (namespace, id, sql) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING",
          [set.namespace, id, sql],
        );
      }
    }
  });
}

/** Makes the tables that no owner of tables asks for. */
export async function makeServerTables(client: Client): Promise<void> {
  await inSchemaTransaction(client, () => Promise.resolve());
}

/** @throws StorageError `migration` when not all steps are applied: a read-only storage applies none. */
export async function checkMigrated(client: Client, sets: readonly MigrationSet[]): Promise<void> {
  checkSets(sets);
  const { rows } = await client.query<{ known: unknown }>(
    "SELECT to_regclass('outrider_migration') AS known",
  );
  const known = rows[0]?.known != null;
  for (const set of sets)
    refuseMissing(set, known ? await appliedSteps(client, set.namespace) : []);
}

/** Runs `work` as the only one that makes tables; all of it or nothing. */
export async function inSchemaTransaction(
  client: Client,
  work: () => Promise<void>,
): Promise<void> {
  await client.query("BEGIN");
  try {
    await client.query("SET LOCAL lock_timeout = 0");
    await client.query(`SELECT pg_advisory_xact_lock(${MIGRATION_LOCK})`);
    await client.query(schemaToPostgres(OWN_TABLES) + ";" + SERVER_TABLES);
    await work();
    await client.query("COMMIT");
  } catch (error) {
    await client.query("ROLLBACK").catch(() => undefined);
    throw error;
  }
}

async function appliedSteps(client: Client, namespace: string): Promise<Applied[]> {
  const { rows } = await client.query<{ id: number; name: string; hash: string }>(
    "SELECT id, name, hash FROM outrider_migration WHERE namespace = $1 ORDER BY id",
    [namespace],
  );
  return rows;
}

async function apply(client: Client, namespace: string, step: Migration): Promise<void> {
  try {
    const rules = await foreignKeys(client);
    await client.query(schemaToPostgres(step.sql));
    await putBack(client, rules);
    await client.query(
      "INSERT INTO outrider_migration (namespace, id, name, hash, applied_at) VALUES ($1, $2, $3, $4, $5)",
      [namespace, step.id, step.name, hashOf(step), timestamp(systemClock)],
    );
  } catch (cause) {
    // A full disk or a lost server is no fault of the step: it keeps its own code.
    const state = sqlState(cause);
    const isOfStep = cause instanceof StorageError || /^(2[1-9A-Z]|42|0A|2B)/.test(state ?? "");
    if (!isOfStep) throw cause;
    throw new StorageError(
      "migration",
      `migration ${namespace} ${title(step)} failed, nothing is applied: ${cause instanceof Error ? cause.message : String(cause)}`,
      { cause },
    );
  }
}

export interface ForeignKey {
  readonly name: string;
  /** Oid of the table that has the rule. */
  readonly table: number;
  readonly definition: string;
}

/** The rules of this schema's tables on one another. */
export async function foreignKeys(client: Client): Promise<ForeignKey[]> {
  const { rows } = await client.query<{ name: string; table: number; definition: string }>(
    `SELECT conname::text AS name, conrelid AS table, pg_get_constraintdef(oid) AS definition
     FROM pg_constraint WHERE contype = 'f' AND connamespace = current_schema()::regnamespace`,
  );
  return rows;
}

/** Rules that went with a table which was rebuilt under its name hold again, and the rows are checked against them. */
export async function putBack(client: Client, before: readonly ForeignKey[]): Promise<void> {
  const present = new Set((await foreignKeys(client)).map(keyOf));
  for (const rule of before) {
    if (present.has(keyOf(rule))) continue;
    const { rows } = await client.query<{ name: string }>(
      "SELECT oid::regclass::text AS name FROM pg_class WHERE oid = $1",
      [rule.table],
    );
    const table = rows[0]?.name;
    if (table === undefined) continue;
    await client.query(`ALTER TABLE ${table} ADD CONSTRAINT "${rule.name}" ${rule.definition}`);
  }
}

function keyOf({ table, name }: ForeignKey): string {
  return `${table} ${name}`;
}
