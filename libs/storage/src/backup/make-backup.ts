import { randomUUID } from "node:crypto";
import { open, mkdir, readdir, rename, rm, writeFile } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { systemClock, timestamp } from "@outrider/contracts/clock";
import { create } from "tar";
import { ServerConnection } from "../postgres/server.js";
import { copyPlain, copyStores, findDataFiles, type DataFiles } from "./data-files.js";
import {
  BackupError,
  DATA,
  describeFiles,
  FORMAT,
  MANIFEST,
  TABLES,
  type ArchivedSchema,
  type Manifest,
} from "./manifest.js";
import { dumpTables } from "./table-files.js";

export interface BackupOptions {
  readonly dataDirectory: string;
  /** The deployment's PostgreSQL, when it has one. */
  readonly databaseUrl?: string | undefined;
  /** The archive to be made, `….tar.gz`. One that is there is replaced once the new one is whole. */
  readonly file: string;
  /** Of the program that makes it. */
  readonly version: string;
}

const CONNECT_WITHIN_MS = 5_000;

/**
 * Puts all that a deployment keeps into one archive, while everything runs: stores, tables, credentials, secrets and
 * keys. Whoever can read it can do everything, so only its owner may (mode 0600).
 * @throws BackupError, StorageError; then no archive is made
 */
export async function makeBackup(options: BackupOptions): Promise<Manifest> {
  const file = resolve(options.file);
  const work = join(dirname(file), `.outrider-backup-${randomUUID()}`);
  const partial = `${file}.partial`;
  try {
    await mkdir(work, { mode: 0o700 });
    const manifest = await gather(options, work);
    // The manifest comes first in the archive, so that whoever looks need not read all of it.
    const entries = (await readdir(work)).filter((name) => name !== MANIFEST);
    await create({ file: partial, cwd: work, gzip: true, portable: true, mode: 0o600 }, [
      MANIFEST,
      ...entries,
    ]);
    await flush(partial);
    await rename(partial, file);
    await flush(dirname(file));
    return manifest;
  } finally {
    await rm(work, { recursive: true, force: true });
    await rm(partial, { force: true });
  }
}

async function gather(
  { dataDirectory, databaseUrl, version }: BackupOptions,
  work: string,
): Promise<Manifest> {
  const data = join(work, DATA);
  await mkdir(data, { mode: 0o700 });
  const found = await findDataFiles(dataDirectory);
  if (!isDeployment(found)) {
    throw new BackupError(
      `there is nothing of Outrider in ${dataDirectory}; give the data directory of the deployment, also when its tables are in PostgreSQL: secrets and keys are there`,
    );
  }
  const madeAt = timestamp(systemClock);
  // First, so that no head of an audit log that is noted in a file is ahead of the log in the archive.
  await copyPlain(dataDirectory, found.plain, data);
  const schemas: ArchivedSchema[] = [];
  schemas.push(...(await copyStores(dataDirectory, found.stores, data)));
  if (databaseUrl !== undefined) schemas.push(...(await dump(databaseUrl, join(work, TABLES))));
  if (schemas.length === 0) {
    throw new BackupError(
      `no service has made its tables yet in ${databaseUrl === undefined ? dataDirectory : "the database"}, so there is nothing to back up`,
    );
  }
  const manifest: Manifest = {
    format: FORMAT,
    id: randomUUID(),
    madeAt,
    version,
    database: databaseUrl === undefined ? "sqlite" : "postgresql",
    schemas,
    files: await describeFiles(work),
  };
  await writeFile(join(work, MANIFEST), `${JSON.stringify(manifest, undefined, 2)}\n`);
  return manifest;
}

/** Whether it is a data directory, and not just any folder with files in it. */
function isDeployment({ stores, plain }: DataFiles): boolean {
  return (
    stores.length > 0 || plain.some((path) => /^(secrets|keys)\/|^credentials\.json$/.test(path))
  );
}

async function dump(url: string, folder: string): Promise<ArchivedSchema[]> {
  await mkdir(folder, { mode: 0o700 });
  const settings = { lockTimeoutMs: CONNECT_WITHIN_MS, readonly: true };
  const connection = await ServerConnection.open(url, settings, { withinMs: CONNECT_WITHIN_MS });
  try {
    // Slow disks on our side must not end the transaction.
    await connection.client.query("SET idle_in_transaction_session_timeout = 0");
    return await dumpTables(connection.client, folder);
  } finally {
    await connection.close();
  }
}

async function flush(path: string): Promise<void> {
  await using handle = await open(path, "r");
  await handle.sync();
}
