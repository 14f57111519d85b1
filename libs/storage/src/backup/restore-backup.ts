import { randomUUID } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdir, open, readdir, readFile, rename, rm, rmdir, writeFile } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { systemClock, timestamp } from "@outrider/contracts/clock";
import { extract } from "tar";
import { acquireInstanceLock } from "../instance-lock.js";
import { ServerConnection } from "../postgres/server.js";
import { isStorageError } from "../storage-error.js";
import { closeStores, findDataFiles, markRestored } from "./data-files.js";
import {
  BackupError,
  DATA,
  MANIFEST,
  readManifest,
  TABLES,
  verify,
  type Manifest,
} from "./manifest.js";
import { RESTORE_MARKER } from "./restore-marker.js";
import { loadTables } from "./table-files.js";

export interface RestoreOptions {
  readonly file: string;
  readonly dataDirectory: string;
  readonly databaseUrl?: string | undefined;
  /** Whether what is there may be put aside (files) or lost (tables). */
  readonly replace: boolean;
}

export interface RestoreOutcome {
  readonly manifest: Manifest;
  /** Of this restore; owners of tables are told of it once. */
  readonly id: string;
  /** Folder into which the files were put that had been there. */
  readonly aside: string | undefined;
}

const CONNECT_WITHIN_MS = 5_000;

/**
 * Puts a deployment back as it was when the backup was made: all of it, or nothing is changed. Each owner of tables is
 * told at its next start (`Storage.restored`) that the world has gone on since.
 * @throws BackupError when the archive cannot be trusted, something runs or stands in the way; StorageError
 */
export async function restoreBackup(options: RestoreOptions): Promise<RestoreOutcome> {
  const data = resolve(options.dataDirectory);
  await mkdir(data, { recursive: true, mode: 0o700 });
  using _ = await lockAll(data);
  const id = randomUUID();
  const work = join(data, `.restore-${id}.partial`);
  await mkdir(work, { mode: 0o700 });
  try {
    const manifest = await unpack(options.file, work);
    refuseOtherDatabase(manifest, options.databaseUrl);
    const occupied = await occupants(data);
    const halfDone = existsSync(join(data, RESTORE_MARKER));
    if ((occupied.length > 0 || halfDone) && !options.replace) {
      throw new BackupError(
        `${data} is in use (${occupied.slice(0, 3).join(", ")} …); restore into an empty folder, or add --replace to put aside what is there`,
      );
    }
    closeStores(data, occupied);
    const mark = { id, restoredAt: timestamp(systemClock), backupAt: manifest.madeAt };
    for (const { path } of manifest.files) {
      if (path.startsWith(`${DATA}/`) && path.endsWith(".sqlite"))
        markRestored(join(work, path), mark);
    }
    let aside: string | undefined;
    const place = async (): Promise<void> => {
      aside = await putInPlace(data, join(work, DATA), occupied, id);
    };
    if (options.databaseUrl === undefined) await place();
    else
      await load(options.databaseUrl, work, manifest, { ...mark, replace: options.replace, place });
    await rm(join(data, RESTORE_MARKER), { force: true });
    await flush(data);
    return { manifest, id, aside };
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

async function unpack(file: string, work: string): Promise<Manifest> {
  try {
    // Strict: a damaged archive is an error, not a warning. Links and paths out of the folder are never followed.
    // In one go, so that nothing is still being written when it fails.
    extract({
      file,
      sync: true,
      cwd: work,
      strict: true,
      preserveOwner: false,
      filter: (_, entry) => "type" in entry && ["File", "Directory"].includes(entry.type),
    });
  } catch (cause) {
    const said = cause instanceof Error ? cause.message : String(cause);
    throw new BackupError(`${file} cannot be unpacked: ${said}`, { cause });
  }
  const text = await readFile(join(work, MANIFEST), "utf8").catch(() => "");
  const manifest = readManifest(text);
  await verify(work, manifest);
  return manifest;
}

function refuseOtherDatabase({ database }: Manifest, url: string | undefined): void {
  if (database === "postgresql" && url === undefined) {
    throw new BackupError(
      "the backup was made of a deployment with PostgreSQL; say with --database into which database its tables go",
    );
  }
  if (database === "sqlite" && url !== undefined) {
    throw new BackupError(
      "the backup was made of a deployment with SQLite files; restore it without --database",
    );
  }
}

/** Holds the locks of all services that ever ran on this directory. @throws BackupError when one of them runs */
async function lockAll(data: string): Promise<Disposable> {
  const stack = new DisposableStack();
  try {
    for (const name of (await readdir(data)).filter((one) => one.endsWith(".lock"))) {
      stack.use(await acquireInstanceLock(data, name.slice(0, -".lock".length), "a restore"));
    }
    return stack;
  } catch (error) {
    stack.dispose();
    if (!isStorageError(error, "held")) throw error;
    throw new BackupError(`stop what uses ${data} first: ${error.message}`, { cause: error });
  }
}

async function occupants(data: string): Promise<string[]> {
  const { stores, plain } = await findDataFiles(data);
  return [...stores, ...plain];
}

/** Moves the old aside and the new in. While the marker stands no service starts here, and a restore begins anew. */
async function putInPlace(
  data: string,
  from: string,
  occupied: readonly string[],
  id: string,
): Promise<string | undefined> {
  await writeFile(join(data, RESTORE_MARKER), `${JSON.stringify({ id })}\n`);
  await flush(join(data, RESTORE_MARKER));
  await flush(data);
  const aside = occupied.length > 0 ? join(data, `replaced-${id}`) : undefined;
  const moved: (readonly [from: string, to: string])[] = [];
  const move = async (source: string, target: string): Promise<void> => {
    await mkdir(dirname(target), { recursive: true, mode: 0o700 });
    await rename(source, target);
    moved.push([source, target]);
  };
  try {
    if (aside) for (const path of occupied) await move(join(data, path), join(aside, path));
    for (const path of await allFiles(from)) await move(join(from, path), join(data, path));
    await flush(data);
    return aside;
  } catch (error) {
    for (const [source, target] of moved.toReversed()) await rename(target, source);
    if (aside) await rmdir(aside).catch(() => undefined);
    await rm(join(data, RESTORE_MARKER));
    throw error;
  }
}

async function load(
  url: string,
  work: string,
  manifest: Manifest,
  restoring: {
    readonly id: string;
    readonly restoredAt: string;
    readonly backupAt: string;
    readonly replace: boolean;
    readonly place: () => Promise<void>;
  },
): Promise<void> {
  const connection = await ServerConnection.open(
    url,
    { lockTimeoutMs: CONNECT_WITHIN_MS },
    { withinMs: CONNECT_WITHIN_MS },
  );
  try {
    const tables = manifest.files
      .filter(({ path }) => path.startsWith(`${TABLES}/`))
      .map(({ path }) => path.slice(TABLES.length + 1));
    await loadTables(connection.client, join(work, TABLES), tables, {
      ...restoring,
      beforeCommit: restoring.place,
    });
  } finally {
    await connection.close();
  }
}

async function allFiles(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(folder.length + 1));
}

async function flush(path: string): Promise<void> {
  await using handle = await open(path, "r");
  await handle.sync();
}
