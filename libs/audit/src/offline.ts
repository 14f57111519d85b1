import { readdir } from "node:fs/promises";
import { dirname, join, relative } from "node:path";
import { DatabaseSync } from "node:sqlite";
import type { AuditVerdict } from "@outrider/contracts/audit";
import { anchorPath, readAnchor } from "./anchor-file.js";
import { COLUMNS, type AuditRow } from "./audit-entry.js";
import { ChainWalk, PRUNE, pruneOf } from "./chain.js";

/** A verdict on one table of one file. */
export interface FileVerdict extends AuditVerdict {
  /** Relative to the folder that was asked about. */
  readonly file: string;
  readonly table: string;
}

const DEPTH = 3;

/**
 * Verifies every audit table of every SQLite file in a data folder, and in the folders below (agents keep their own).
 * Only reads; the processes may run. Anchors are looked for beside each file, in `audit/`.
 * @throws Error of the file system when the folder cannot be read
 */
export async function verifyDataDirectory(dir: string): Promise<FileVerdict[]> {
  const verdicts: FileVerdict[] = [];
  for (const file of await databasesBelow(dir, DEPTH)) {
    for (const one of await verifyFile(file)) verdicts.push({ ...one, file: relative(dir, file) });
  }
  return verdicts;
}

async function databasesBelow(dir: string, depth: number): Promise<string[]> {
  const found: string[] = [];
  const entries = await readdir(dir, { withFileTypes: true });
  for (const entry of entries.toSorted((a, b) => (a.name < b.name ? -1 : 1))) {
    const path = join(dir, entry.name);
    if (entry.isFile() && entry.name.endsWith(".sqlite")) found.push(path);
    else if (entry.isDirectory() && depth > 0)
      found.push(...(await databasesBelow(path, depth - 1)));
  }
  return found;
}

async function verifyFile(file: string): Promise<Omit<FileVerdict, "file">[]> {
  let db: DatabaseSync;
  try {
    db = new DatabaseSync(file, { readOnly: true, timeout: 5000 });
  } catch (error) {
    return [unreadable(error)];
  }
  try {
    const tables = db
      .prepare(
        "SELECT name FROM sqlite_schema WHERE type = 'table' AND name LIKE '%\\_audit' ESCAPE '\\' ORDER BY name",
      )
      .all()
      .map((row) => String(row["name"]))
      .filter((name) => /^[a-z][a-z0-9_]*$/.test(name));
    const verdicts: Omit<FileVerdict, "file">[] = [];
    for (const table of tables) verdicts.push(await verifyTable(db, file, table));
    return verdicts;
  } catch (error) {
    return [unreadable(error)];
  } finally {
    db.close();
  }
}

async function verifyTable(
  db: DatabaseSync,
  file: string,
  table: string,
): Promise<Omit<FileVerdict, "file">> {
  const first = db.prepare(`SELECT log FROM ${table} ORDER BY seq LIMIT 1`).get();
  const log = typeof first?.["log"] === "string" ? first["log"] : table;
  // A name out of a database that may have been tampered with must not lead elsewhere.
  const anchor = /^[a-z0-9-]{1,100}$/.test(log)
    ? await readAnchor(anchorPath(dirname(file), log))
    : undefined;
  // What is read between BEGIN and END is of one moment, also while the owner writes.
  db.exec("BEGIN");
  const prune = db
    .prepare(`SELECT ${COLUMNS} FROM ${table} WHERE act = ? ORDER BY seq DESC LIMIT 1`)
    .get(PRUNE) as AuditRow | undefined;
  const walk = new ChainWalk(log, pruneOf(prune), anchor ? [anchor] : []);
  for (const row of db.prepare(`SELECT ${COLUMNS} FROM ${table} ORDER BY seq`).iterate()) {
    walk.take(row as unknown as AuditRow);
    if (walk.isBroken) break;
  }
  db.exec("END");
  return { ...walk.verdict(), table };
}

function unreadable(error: unknown): Omit<FileVerdict, "file"> {
  const problem = error instanceof Error ? error.message : "unknown";
  return {
    log: "unknown",
    table: "unknown",
    intact: false,
    records: 0,
    detail: `the file cannot be read as a database: ${problem}`,
  };
}
