import { readdir, readFile, readlink, realpath, stat } from "node:fs/promises";

/** More processes than this are not looked through. */
const MOST_PROCESSES = 20_000;

/** Who has a device open or locked, as `minicom (process 4711)`; undefined where nobody is found. */
export async function whoHas(path: string): Promise<string | undefined> {
  try {
    const device = await realpath(path);
    const lockers = new Set(await lockersOf(device));
    lockers.delete(process.pid);
    // To look into all processes costs more, and is done where the locks tell nothing.
    const pids = lockers.size > 0 ? lockers : new Set(await openersOf(device));
    pids.delete(process.pid);
    const names = await Promise.all(
      [...pids].slice(0, 5).map(async (pid) => `${await nameOf(pid)} (process ${pid})`),
    );
    return names.length === 0 ? undefined : names.join(", ");
  } catch {
    // What is looked for is a help and no more.
    return undefined;
  }
}

/** Locks are told to everybody, also those of other users (proc(5), /proc/locks). */
async function lockersOf(device: string): Promise<number[]> {
  const { ino } = await stat(device);
  const locks = await readFile("/proc/locks", "latin1");
  return locks.split("\n").flatMap((line) => {
    const [, , , , pid, file] = line.replace(" -> ", " ").split(/\s+/);
    return file?.endsWith(`:${ino}`) && Number(pid) > 0 ? [Number(pid)] : [];
  });
}

/** Those of this user, or of all for root: the others are not told. */
async function openersOf(device: string): Promise<number[]> {
  const found: number[] = [];
  const pids = (await readdir("/proc")).filter((name) => /^\d+$/.test(name));
  for (const pid of pids.slice(0, MOST_PROCESSES)) {
    if (await hasOpen(pid, device)) found.push(Number(pid));
  }
  return found;
}

async function hasOpen(pid: string, device: string): Promise<boolean> {
  try {
    for (const fd of await readdir(`/proc/${pid}/fd`)) {
      if ((await readlink(`/proc/${pid}/fd/${fd}`).catch(() => "")) === device) return true;
    }
  } catch {
    // It has ended, or is somebody else's.
  }
  return false;
}

async function nameOf(pid: number): Promise<string> {
  const comm = await readFile(`/proc/${pid}/comm`, "utf8").catch(() => "");
  return comm.trim().replaceAll(/[^\x20-\x7e]/g, "?") || "a program";
}
