import { copyFile, mkdir, readdir } from "node:fs/promises";
import { join } from "node:path";
import { backup, DatabaseSync } from "node:sqlite";
import { RESTORE_MARKER } from "./restore-marker.js";
import { BackupError, type ArchivedSchema } from "./manifest.js";

/** Folders of the data directory that belong to the deployment as a whole. */
const FOLDERS = ["secrets", "keys", "audit"];
/** What only a running process has a use for, and backups themselves. */
const FLEETING = /(\.tar\.gz|\.lock|\.holder\.json|\.next|-wal|-shm|-journal|\.partial|\.sock)$/;
/**
 * Owners whose store is never put back: an agent's journal knows what its hardware was told to do, and the highest
 * fence. It stays with the agent's host.
 */
const STAYS = "agent";

const PAGES_AT_ONCE = 1_000;

/** The files of a data directory that a backup is made of, and a restore puts back. */
export interface DataFiles {
  /** Paths of SQLite files. */
  readonly stores: readonly string[];
  /** Paths of other files. */
  readonly plain: readonly string[];
}

export async function findDataFiles(directory: string): Promise<DataFiles> {
  const stores: string[] = [];
  const plain: string[] = [];
  for (const entry of await readdir(directory, { withFileTypes: true })) {
    const { name } = entry;
    if (entry.isDirectory() && FOLDERS.includes(name)) {
      const files = await filesUnder(directory, name);
      plain.push(...files.filter((path) => !FLEETING.test(path)));
    } else if (entry.isFile() && !FLEETING.test(name) && name !== RESTORE_MARKER) {
      if (!name.endsWith(".sqlite")) plain.push(name);
      else if (!isAgents(join(directory, name))) stores.push(name);
    }
  }
  return { stores: stores.toSorted(), plain: plain.toSorted() };
}

/**
 * Copies the stores as they are at one moment, while their owners go on writing: all of them are held by a read
 * transaction before the first is copied.
 */
export async function copyStores(
  directory: string,
  stores: readonly string[],
  to: string,
): Promise<ArchivedSchema[]> {
  using opened = new DisposableStack();
  const held = stores.map((name) => {
    const db = new DatabaseSync(join(directory, name), { readOnly: true, timeout: 5_000 });
    opened.defer(() => db.close());
    return { name, db };
  });
  for (const { db } of held) db.exec("BEGIN; SELECT COUNT(*) FROM sqlite_master");
  const schemas: ArchivedSchema[] = [];
  for (const { name, db } of held) {
    const copy = join(to, name);
    await backup(db, copy, { rate: PAGES_AT_ONCE });
    schemas.push(...settle(copy));
  }
  return schemas;
}

/** Makes one plain file of a copy, without a log beside it, and tells whose tables are in it. */
function settle(file: string): ArchivedSchema[] {
  const db = new DatabaseSync(file);
  try {
    db.exec("PRAGMA journal_mode = DELETE");
    const [check] = db.prepare("PRAGMA quick_check(1)").all();
    if (check?.["quick_check"] !== "ok")
      throw new Error(`${file} is damaged: ${String(check?.["quick_check"])}`);
    return schemasOf(db);
  } finally {
    db.close();
  }
}

export async function copyPlain(
  directory: string,
  files: readonly string[],
  to: string,
): Promise<void> {
  for (const path of files) {
    await mkdir(join(to, path, ".."), { recursive: true, mode: 0o700 });
    await copyFile(join(directory, path), join(to, path));
  }
}

/**
 * Makes each store one file, without a log beside it, as it is when nobody uses it.
 * @throws BackupError when a process has one of them open, which need not be a service that holds a lock
 */
export function closeStores(directory: string, files: readonly string[]): void {
  for (const name of files.filter((one) => one.endsWith(".sqlite"))) {
    const db = new DatabaseSync(join(directory, name), { timeout: 0 });
    try {
      db.exec("PRAGMA journal_mode = DELETE");
    } catch (cause) {
      const said = cause instanceof Error ? cause.message : String(cause);
      throw new BackupError(
        `a process still uses ${join(directory, name)} (fuser names it); stop it first: ${said}`,
        { cause },
      );
    } finally {
      db.close();
    }
  }
}

/** Notes in a store that it was put back, once for each owner of tables in it. */
export function markRestored(
  file: string,
  { id, restoredAt, backupAt }: { id: string; restoredAt: string; backupAt: string },
): void {
  const db = new DatabaseSync(file);
  try {
    const mark = db.prepare(
      `INSERT INTO outrider_restore (namespace, id, restored_at, backup_at) VALUES (?, ?, ?, ?)
       ON CONFLICT (namespace) DO UPDATE SET id = excluded.id, restored_at = excluded.restored_at, backup_at = excluded.backup_at`,
    );
    db.exec("BEGIN");
    for (const { namespace } of schemasOf(db)) mark.run(namespace, id, restoredAt, backupAt);
    db.exec("COMMIT");
  } finally {
    db.close();
  }
}

function schemasOf(db: DatabaseSync): ArchivedSchema[] {
  const known = db.prepare("SELECT 1 FROM sqlite_master WHERE name = 'outrider_migration'").get();
  if (!known) return [];
  const rows = db
    .prepare("SELECT namespace, id, name, hash FROM outrider_migration ORDER BY namespace, id")
    .all() as unknown as { namespace: string; id: number; name: string; hash: string }[];
  const schemas = Map.groupBy(rows, ({ namespace }) => namespace);
  return [...schemas].map(([namespace, applied]) => ({
    namespace,
    migrations: applied.map(({ id, name, hash }) => ({ id, name, hash })),
  }));
}

function isAgents(file: string): boolean {
  const db = new DatabaseSync(file, { readOnly: true, timeout: 5_000 });
  try {
    return schemasOf(db).some(({ namespace }) => namespace === STAYS);
  } finally {
    db.close();
  }
}

async function filesUnder(directory: string, folder: string): Promise<string[]> {
  const entries = await readdir(join(directory, folder), { withFileTypes: true, recursive: true });
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(directory.length + 1));
}
