import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { readdir, stat } from "node:fs/promises";
import { join } from "node:path";

/** Of the archive's layout. A program reads its own and lower ones. */
export const FORMAT = 1;
export const MANIFEST = "manifest.json";
/** Folders of the archive: what goes into the data directory, and one file a table of PostgreSQL. */
export const DATA = "data";
export const TABLES = "postgresql";

export interface ArchivedFile {
  readonly path: string;
  readonly bytes: number;
  readonly sha256: string;
}

/** Schema of one owner of tables: the migrations that were applied when the backup was made. */
export interface ArchivedSchema {
  readonly namespace: string;
  readonly migrations: readonly {
    readonly id: number;
    readonly name: string;
    readonly hash: string;
  }[];
}

/** First file of an archive: what is in it. */
export interface Manifest {
  readonly format: number;
  /** Of this backup. */
  readonly id: string;
  /** When its contents were current, RFC 3339 UTC. */
  readonly madeAt: string;
  readonly version: string;
  readonly database: "sqlite" | "postgresql";
  readonly schemas: readonly ArchivedSchema[];
  readonly files: readonly ArchivedFile[];
}

/** What a person has to know when a backup cannot be made or used; nothing has been changed. */
export class BackupError extends Error {
  override readonly name = "BackupError";
}

/** All files under a folder, with their hashes, sorted by path. */
export async function describeFiles(folder: string, under = ""): Promise<ArchivedFile[]> {
  const found: ArchivedFile[] = [];
  for (const entry of await readdir(join(folder, under), { withFileTypes: true })) {
    const path = under === "" ? entry.name : `${under}/${entry.name}`;
    if (entry.isDirectory()) found.push(...(await describeFiles(folder, path)));
    else if (entry.isFile()) found.push(await describeFile(folder, path));
    else throw new BackupError(`${path} is neither a file nor a folder`);
  }
  return found.toSorted((a, b) => (a.path < b.path ? -1 : 1));
}

async function describeFile(folder: string, path: string): Promise<ArchivedFile> {
  const file = join(folder, path);
  const hash = createHash("sha256");
  for await (const chunk of createReadStream(file)) hash.update(chunk as Buffer);
  return { path, bytes: (await stat(file)).size, sha256: hash.digest("hex") };
}

/** @throws BackupError when what was unpacked is not what the manifest says */
export async function verify(folder: string, manifest: Manifest): Promise<void> {
  const there = (await describeFiles(folder)).filter(({ path }) => path !== MANIFEST);
  const expected = new Map(manifest.files.map((file) => [file.path, file]));
  for (const { path, sha256 } of there) {
    if (expected.get(path)?.sha256 !== sha256)
      throw new BackupError(`${path} in the archive is damaged or was changed; use another backup`);
    expected.delete(path);
  }
  const [missing] = expected.keys();
  if (missing !== undefined)
    throw new BackupError(`${missing} is missing from the archive; use another backup`);
}

/** @throws BackupError when it is no manifest, or of a newer program */
export function readManifest(text: string): Manifest {
  let read: unknown;
  try {
    read = JSON.parse(text);
  } catch {
    read = undefined;
  }
  const manifest = read as Manifest | undefined;
  if (typeof manifest?.format !== "number" || !Array.isArray(manifest.files))
    throw new BackupError("the archive has no manifest; is it a backup of Outrider?");
  if (manifest.format > FORMAT) {
    throw new BackupError(
      `the archive was made by the newer release ${manifest.version}; restore it with that one`,
    );
  }
  return manifest;
}
