import { randomBytes } from "node:crypto";
import { link, open, readFile, rename, rm } from "node:fs/promises";
import { milliseconds, seconds, systemClock, type Duration } from "@outrider/contracts/clock";

const RETRY_EVERY = milliseconds(20);
const GIVE_UP_AFTER = seconds(10);

/** Locks of this process; a lock file with our pid that is not among them is an ancestor's, as in a container. */
const ours = new Set<string>();

/**
 * Runs `work` while no other process does so for the same path. The lock of a process that is gone is taken over.
 * @throws Error naming the holder when the lock is not free in time
 */
export async function withFileLock<T>(
  path: string,
  work: () => Promise<T>,
  giveUpAfter: Duration = GIVE_UP_AFTER,
): Promise<T> {
  const deadline = AbortSignal.timeout(giveUpAfter);
  while (!(await take(path))) {
    const holder = await holderOf(path);
    if (holder !== undefined && isGone(holder, path)) await removeStale(path, holder);
    else if (deadline.aborted) {
      throw new Error(`${path} is held by process ${holder ?? "?"}; stop it or remove the file`);
    } else await systemClock.sleep(RETRY_EVERY);
  }
  try {
    return await work();
  } finally {
    ours.delete(path);
    await rm(path, { force: true });
  }
}

async function take(path: string): Promise<boolean> {
  if (ours.has(path)) return false;
  const mine = `${path}.${process.pid}-${randomBytes(4).toString("hex")}`;
  const file = await open(mine, "wx", 0o600);
  try {
    await file.writeFile(String(process.pid));
    // The lock appears with its holder's name in it, never empty.
    await link(mine, path);
    ours.add(path);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EEXIST") return false;
    throw error;
  } finally {
    await file.close();
    await rm(mine, { force: true });
  }
}

/** Two may find the same dead holder: only one can move its lock away, and a live one that was hit is put back. */
async function removeStale(path: string, holder: number): Promise<void> {
  const aside = `${path}.${process.pid}-${randomBytes(4).toString("hex")}`;
  try {
    await rename(path, aside);
    if ((await holderOf(aside)) !== holder) await link(aside, path);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code !== "ENOENT" && code !== "EEXIST") throw error;
  } finally {
    await rm(aside, { force: true });
  }
}

async function holderOf(path: string): Promise<number | undefined> {
  const text = await readFile(path, "utf8").catch(() => "");
  return /^\d{1,10}$/.test(text) ? Number(text) : undefined;
}

function isGone(pid: number, path: string): boolean {
  if (pid === process.pid) return !ours.has(path);
  try {
    process.kill(pid, 0);
    return false;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "ESRCH";
  }
}
