import { spawn, type ChildProcessWithoutNullStreams } from "node:child_process";
import { once } from "node:events";
import { onTestFinished } from "vitest";

/** OpenSSH's client, for one test: a try that fails leaves nobody at a console, not even who stands still. */
export function openSsh(args: readonly string[]): {
  readonly child: ChildProcessWithoutNullStreams;
  /** Resolves when it has ended and all that it said was read. */
  readonly closed: Promise<unknown>;
} {
  const child = spawn("ssh", args);
  child.stdin.on("error", () => undefined);
  const closed = once(child, "close");
  onTestFinished(async () => {
    child.kill("SIGKILL");
    await closed;
  });
  return { child, closed };
}
