import { readdirSync, readFileSync } from "node:fs";
import { basename } from "node:path";

/** How a virtual machine of a chassis is named on its command line: found again by it after a crash. */
export function machineName(dir: string, slot: number): string {
  return `guest=${dir.replaceAll(",", ",,")}/slot-${slot}`;
}

/**
 * Processes that an earlier chassis of this directory left behind: their command line is a QEMU's and names
 * a slot of exactly this directory. Read from /proc, so that no lost pid file can hide one.
 */
export function leftovers(dir: string): number[] {
  const prefix = machineName(dir, 0).replace(/0$/, "");
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .filter((pid) => {
      const [program = "", ...args] = commandLine(pid);
      const named = args.some(
        (arg) => arg.startsWith(prefix) && /^\d+$/.test(arg.slice(prefix.length)),
      );
      return named && /^(qemu-system-|setpriv$)/.test(basename(program));
    })
    .map(Number);
}

function commandLine(pid: string): string[] {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0");
  } catch {
    return []; // It ended meanwhile, or it is none of our business.
  }
}
