import { readFileSync } from "node:fs";
import type { Server } from "node:http";

/** How often a program looks whether the process it was started for is still there. */
const OWNER_LOOK_MS = 500;

/**
 * Says on standard output, in one line of JSON, that the program serves, and ends it in order on SIGTERM,
 * SIGINT, or once the owner is gone. Losing the reader of the output is no reason to end.
 */
export function announce(
  ready: { readonly listen: string },
  ownerPid: number | undefined,
  close: () => Promise<void>,
): void {
  let closing = false;
  const end = (): void => {
    if (closing) return;
    closing = true;
    void close().then(() => process.exit(0));
  };
  process.on("SIGTERM", end);
  process.on("SIGINT", end);
  process.on("SIGHUP", () => {});
  process.stdout.on("error", () => {});
  if (ownerPid !== undefined) {
    const born = startTime(ownerPid);
    setInterval(() => {
      if (startTime(ownerPid) !== born) end();
    }, OWNER_LOOK_MS);
  }
  process.stdout.write(`${JSON.stringify({ ready: true, ...ready, pid: process.pid })}\n`);
}

/** Stops serving at once, long polls included. */
export function closeServer(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });
}

/**
 * When a process was started, in clock ticks since boot; undefined when it is gone or a zombie.
 * Together with its id this names a process for good, which an id alone does not.
 */
export function startTime(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
    // The name in parentheses may contain anything; fields count from behind it (proc(5): state is field 3, starttime 22).
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    return fields[0] === "Z" || fields[0] === "X" ? undefined : fields[19];
  } catch {
    return undefined;
  }
}
