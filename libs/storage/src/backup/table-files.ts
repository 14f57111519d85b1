import { createReadStream, createWriteStream } from "node:fs";
import { once } from "node:events";
import { join } from "node:path";
import type { Client } from "pg";
import { foreignKeys, inSchemaTransaction, putBack } from "../postgres/migrate.js";
import { schemaToPostgres } from "../postgres/dialect.js";
import { BackupError, type ArchivedSchema } from "./manifest.js";

/**
 * Tables of PostgreSQL as files, `<table>.jsonl`, one row a line as the server's own `row_to_json` says it, so that
 * whole numbers, texts and bytes come back as they were.
 */

/** Of storage itself. Leases, writers and marks of former restores stay where they are. */
const OWN = ["outrider_migration", "outrider_migration_text"];
const ROWS_AT_ONCE = 500;
const LOOKS = 20;

/** Writes every table of the schema as it is at one moment. Writers go on. */
export async function dumpTables(client: Client, folder: string): Promise<ArchivedSchema[]> {
  await client.query("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY");
  try {
    const schemas = await schemasOf(client);
    for (const table of await tables(client)) {
      if (!isOwned(table, schemas) && !OWN.includes(table)) continue;
      await dumpTable(client, table, join(folder, `${table}.jsonl`));
    }
    return schemas;
  } finally {
    await client.query("ROLLBACK").catch(() => undefined);
  }
}

async function dumpTable(client: Client, table: string, file: string): Promise<void> {
  const out = createWriteStream(file, { mode: 0o600 });
  await client.query(
    `DECLARE dump NO SCROLL CURSOR FOR SELECT row_to_json(t)::text AS line FROM ${quoted(table)} t`,
  );
  for (;;) {
    const { rows } = await client.query<{ line: string }>(`FETCH ${ROWS_AT_ONCE} FROM dump`);
    if (rows.length === 0) break;
    if (!out.write(rows.map(({ line }) => `${line}\n`).join(""))) await once(out, "drain");
  }
  await client.query("CLOSE dump");
  out.end();
  await once(out, "close");
}

export interface Restoring {
  readonly id: string;
  readonly restoredAt: string;
  readonly backupAt: string;
  /** Whether tables that are there may be dropped. */
  readonly replace: boolean;
  /** Done just before the commit: when it fails, the database stays as it was. */
  readonly beforeCommit: () => Promise<void>;
}

/**
 * Makes the tables anew from the text of their migrations and fills them, all in one transaction in which no service
 * can become active.
 * @throws BackupError when a service is active, or tables are there and may not be replaced
 */
export async function loadTables(
  client: Client,
  folder: string,
  files: readonly string[],
  restoring: Restoring,
): Promise<void> {
  await client.query("SET idle_in_transaction_session_timeout = 0");
  await inSchemaTransaction(client, async () => {
    await refuseActive(client);
    await refuseConnected(client);
    await clear(client, restoring.replace);
    await inSchemaOrder(client, folder);
    const rules = await foreignKeys(client);
    for (const { name, table } of rules) {
      const of = await nameOf(client, table);
      await client.query(`ALTER TABLE ${of} DROP CONSTRAINT ${quoted(name)}`);
    }
    for (const file of files) await loadTable(client, folder, file.slice(0, -".jsonl".length));
    await putBack(client, rules);
    await raiseSequences(client);
    await client.query(
      `INSERT INTO outrider_restore (namespace, id, restored_at, backup_at)
       SELECT DISTINCT namespace, $1, $2, $3 FROM outrider_migration`,
      [restoring.id, restoring.restoredAt, restoring.backupAt],
    );
    await restoring.beforeCommit();
  });
}

async function refuseActive(client: Client): Promise<void> {
  // Whoever wants to become active waits until this is over.
  await client.query("LOCK TABLE outrider_lease IN EXCLUSIVE MODE");
  const { rows } = await client.query<{ name: string; holder: string }>(
    "SELECT name, holder FROM outrider_lease WHERE until > clock_timestamp()",
  );
  if (rows.length > 0) {
    throw new BackupError(
      `stop what uses this database first: ${rows.map(({ name, holder }) => `${name} (${holder})`).join(", ")}`,
    );
  }
}

/** Brokers and gateways hold no lease. Connections that were just closed are gone in a moment. */
async function refuseConnected(client: Client): Promise<void> {
  for (let left = LOOKS; left >= 0; left -= 1) {
    const { rows } = await client.query<{ n: number }>(
      `SELECT COUNT(*) AS n FROM pg_stat_activity
       WHERE datname = current_database() AND application_name = 'outrider' AND pid <> pg_backend_pid()`,
    );
    const n = rows[0]?.n ?? 0;
    if (n === 0) return;
    if (left === 0) {
      throw new BackupError(
        `stop what uses this database first: Outrider has ${n} more connections to it (pg_stat_activity names them)`,
      );
    }
    await client.query("SELECT pg_sleep(0.1)");
    // What pg_stat_activity shows is frozen within a transaction.
    await client.query("SELECT pg_stat_clear_snapshot()");
  }
}

/** Rows of the server's own tables stay: epochs of leases only rise. */
async function clear(client: Client, replace: boolean): Promise<void> {
  const schemas = await schemasOf(client);
  if (schemas.length > 0 && !replace) {
    throw new BackupError(
      `the database has tables of ${schemas.map(({ namespace }) => namespace).join(", ")} already; restore into an empty one, or add --replace to lose them`,
    );
  }
  for (const table of await tables(client)) {
    if (isOwned(table, schemas)) await client.query(`DROP TABLE ${quoted(table)} CASCADE`);
  }
  await client.query("DELETE FROM outrider_migration");
  await client.query("DELETE FROM outrider_migration_text");
  await client.query("DELETE FROM outrider_restore");
}

/** Makes the tables as their migrations did, from the text that stands in the archive. */
async function inSchemaOrder(client: Client, folder: string): Promise<void> {
  const texts: { namespace: string; id: number; sql: string }[] = [];
  for await (const line of lines(join(folder, "outrider_migration_text.jsonl")))
    texts.push(JSON.parse(line) as (typeof texts)[number]);
  const applied = new Set<string>();
  for await (const line of lines(join(folder, "outrider_migration.jsonl"))) {
    const { namespace, id } = JSON.parse(line) as { namespace: string; id: number };
    applied.add(`${namespace} ${id}`);
  }
  texts.sort((a, b) =>
    a.namespace < b.namespace ? -1 : a.namespace > b.namespace ? 1 : a.id - b.id,
  );
  for (const { namespace, id, sql } of texts) {
    if (!applied.has(`${namespace} ${id}`)) continue;
    const rules = await foreignKeys(client);
    await client.query(schemaToPostgres(sql));
    await putBack(client, rules);
  }
}

async function loadTable(client: Client, folder: string, table: string): Promise<void> {
  await client.query(`DELETE FROM ${quoted(table)}`);
  let batch: string[] = [];
  const flush = async (): Promise<void> => {
    if (batch.length === 0) return;
    await client.query(
      `INSERT INTO ${quoted(table)} SELECT * FROM json_populate_recordset(NULL::${quoted(table)}, $1::json)`,
      [`[${batch.join(",")}]`],
    );
    batch = [];
  };
  for await (const line of lines(join(folder, `${table}.jsonl`))) {
    batch.push(line);
    if (batch.length === ROWS_AT_ONCE) await flush();
  }
  await flush();
}

/** Numbers that the database gives out go on after the highest that was. */
async function raiseSequences(client: Client): Promise<void> {
  const { rows } = await client.query<{ table: string; column: string }>(
    `SELECT table_name::text AS table, column_name::text AS column FROM information_schema.columns
     WHERE table_schema = current_schema() AND is_identity = 'YES'`,
  );
  for (const { table, column } of rows) {
    await client.query(
      `SELECT setval(pg_get_serial_sequence($1, $2), GREATEST((SELECT MAX(${quoted(column)}) FROM ${quoted(table)}), 1),
         (SELECT MAX(${quoted(column)}) FROM ${quoted(table)}) IS NOT NULL)`,
      [quoted(table), column],
    );
  }
}

async function schemasOf(client: Client): Promise<ArchivedSchema[]> {
  if (!(await tables(client)).includes("outrider_migration")) return [];
  const { rows } = await client.query<{
    namespace: string;
    id: number;
    name: string;
    hash: string;
  }>("SELECT namespace, id, name, hash FROM outrider_migration ORDER BY namespace, id");
  return [...Map.groupBy(rows, ({ namespace }) => namespace)].map(([namespace, applied]) => ({
    namespace,
    migrations: applied.map(({ id, name, hash }) => ({ id, name, hash })),
  }));
}

/** Tables begin with the word of their owner; others may share the database. */
function isOwned(table: string, schemas: readonly ArchivedSchema[]): boolean {
  return schemas.some(({ namespace }) => table === namespace || table.startsWith(`${namespace}_`));
}

async function tables(client: Client): Promise<string[]> {
  const { rows } = await client.query<{ name: string }>(
    `SELECT table_name::text AS name FROM information_schema.tables
     WHERE table_schema = current_schema() AND table_type = 'BASE TABLE' ORDER BY table_name`,
  );
  return rows.map(({ name }) => name);
}

async function nameOf(client: Client, oid: number): Promise<string> {
  const { rows } = await client.query<{ name: string }>("SELECT $1::oid::regclass::text AS name", [
    oid,
  ]);
  return rows[0]?.name ?? "";
}

function quoted(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

/** Only a line feed ends a line: JSON text may hold what else some take for an end. */
async function* lines(file: string): AsyncGenerator<string> {
  let rest = "";
  for await (const chunk of createReadStream(file, "utf8")) {
    const parts = (rest + String(chunk)).split("\n");
    rest = parts.pop() ?? "";
    yield* parts;
  }
  if (rest !== "") yield rest;
}
