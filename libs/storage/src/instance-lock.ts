import {
  closeSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  writeSync,
} from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { systemClock, timestamp } from "@outrider/contracts/clock";
import { failureOf } from "./sqlite/sqlite-failure.js";
import { StorageError } from "./storage-error.js";

/** Who holds a lock, as it says itself. */
export interface LockHolder {
  readonly pid: number;
  /** When it took the lock, RFC 3339 UTC. */
  readonly since: string;
  /** What the holder wrote about itself, e.g. service, version and host. */
  readonly holder: string;
}

/** Held until it is released or the process ends, however it ends. */
export interface InstanceLock extends Disposable {
  readonly name: string;
  release(): void;
}

/** A connection that is collected as garbage would drop its lock. */
const held = new Set<DatabaseSync>();

/**
 * Makes this process the only active instance of `name` among those that share `dir` (a local file system).
 *
 * The lock is the kernel's, on `<dir>/<name>.lock`: it is gone the moment the process is, also after `kill -9` and power
 * loss. `<name>.holder.json` beside it only says who has it. Blocks the thread for a few milliseconds: for start-up.
 *
 * @param name Lower-case letters, digits and inner hyphens.
 * @param holder What a second process is told of this one.
 * @throws StorageError `held`, at once, with pid, time and text of the holder; `io` when the directory cannot be written.
 */
// oxlint-disable-next-line require-await -- the PostgreSQL lease waits for a server
export async function acquireInstanceLock(
  dir: string,
  name: string,
  holder: string,
): Promise<InstanceLock> {
  if (!/^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/.test(name)) {
    throw new StorageError(
      "programming",
      "a lock name is lower-case letters, digits and inner hyphens",
    );
  }
  const lockFile = join(dir, `${name}.lock`);
  const holderFile = join(dir, `${name}.holder.json`);
  let db: DatabaseSync | undefined;
  try {
    mkdirSync(dir, { recursive: true, mode: 0o700 });
    db = new DatabaseSync(lockFile, { timeout: 0 });
    db.exec("PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE");
    writeHolder(holderFile, { pid: process.pid, since: timestamp(systemClock), holder });
  } catch (error) {
    db?.close();
    const failure = failureOf(error, lockFile);
    if (failure.code === "busy") throw heldBy(name, holderFile, error);
    const code = failure.code === "programming" ? "io" : failure.code;
    throw new StorageError(code, `the lock of ${name} cannot be taken: ${failure.message}`, {
      cause: error,
    });
  }
  return hold(name, db, holderFile);
}

/** Who holds, or held, the lock; undefined when nobody said so. It may be stale: only taking the lock tells. */
export function readLockHolder(dir: string, name: string): LockHolder | undefined {
  return readHolder(join(dir, `${name}.holder.json`));
}

function hold(name: string, db: DatabaseSync, holderFile: string): InstanceLock {
  held.add(db);
  const release = (): void => {
    if (!held.delete(db)) return;
    // First, while it is still ours: the next holder writes its own. The lock file stays, removing it would be a race.
    rmSync(holderFile, { force: true });
    db.close();
  };
  return { name, release, [Symbol.dispose]: release };
}

function heldBy(name: string, holderFile: string, cause: unknown): StorageError {
  const holder = readHolder(holderFile);
  const who = holder
    ? `pid ${holder.pid} since ${holder.since} (${JSON.stringify(holder.holder)})`
    : "a process that is just starting or cannot write its name";
  return new StorageError(
    "held",
    `${name} is already active here: ${who}; stop it first, or leave this one as a stand-by`,
    { cause },
  );
}

function writeHolder(file: string, holder: LockHolder): void {
  const next = `${file}.next`;
  const handle = openSync(next, "w");
  try {
    writeSync(handle, JSON.stringify(holder));
    fsyncSync(handle);
  } finally {
    closeSync(handle);
  }
  renameSync(next, file);
}

function readHolder(file: string): LockHolder | undefined {
  try {
    const read: unknown = JSON.parse(readFileSync(file, "utf8"));
    if (typeof read !== "object" || read === null) return undefined;
    const { pid, since, holder } = read as Partial<Record<keyof LockHolder, unknown>>;
    if (typeof pid !== "number" || typeof since !== "string" || typeof holder !== "string")
      return undefined;
    return { pid, since, holder };
  } catch {
    return undefined;
  }
}
