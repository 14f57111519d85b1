import { spawn, type ChildProcessByStdio } from "node:child_process";
import type { Readable } from "node:stream";
import { withDeadline } from "@outrider/ports/deadline";
import { PortError } from "@outrider/ports/port-error";
import type { Clock, Duration } from "@outrider/ports/time";

export interface ChildRun {
  /** A program and its arguments. No shell is between. */
  readonly command: string;
  readonly args: readonly string[];
  /** All of its environment, `PATH` included. Here secrets may be, never in arguments: those everybody can read. */
  readonly env: Readonly<Record<string, string>>;
  /** What it is, for messages: "The BMC at 10.0.0.21 (ipmitool)". */
  readonly what: string;
  readonly deadline: Duration;
  readonly clock: Clock;
  /** More output than this is dropped. Default 256 KiB. */
  readonly maxBytes?: number;
}

export interface ChildResult {
  /** Undefined: it was ended by a signal. */
  readonly code: number | undefined;
  readonly stdout: string;
  readonly stderr: string;
}

const MAX_BYTES = 262_144;

/**
 * Runs a program to its end. At the deadline, and when the signal is aborted, it is killed with all that it has started.
 * @throws PortError `timed-out`, or `invalid-options` when there is no such program · the signal's reason
 */
export function runChild(run: ChildRun, signal: AbortSignal): Promise<ChildResult> {
  const { clock, deadline, what } = run;
  return withDeadline(clock, deadline, signal, what, (within) => finished(run, within));
}

function finished(run: ChildRun, signal: AbortSignal): Promise<ChildResult> {
  const { command, args, env, what, maxBytes = MAX_BYTES } = run;
  return new Promise((resolve, reject) => {
    // A group of its own, so that its children end with it. Some failures are thrown, others told.
    const child = startedChild(() =>
      spawn(command, args, { env, detached: true, stdio: ["ignore", "pipe", "pipe"] }),
    );
    if (child instanceof Error) return reject(notStarted(what, command, child));
    const kill = (): void => {
      try {
        if (child.pid !== undefined) process.kill(-child.pid, "SIGKILL");
      } catch {
        // It has ended by itself.
      }
    };
    signal.addEventListener("abort", kill, { once: true });
    const gather = (stream: NodeJS.ReadableStream): (() => string) => {
      let text = "";
      stream.setEncoding("utf8");
      stream.on("data", (chunk: string) => {
        if (text.length < maxBytes) text += chunk;
      });
      return () => text;
    };
    const stdout = gather(child.stdout);
    const stderr = gather(child.stderr);
    child.once("error", (error: NodeJS.ErrnoException) => {
      signal.removeEventListener("abort", kill);
      reject(notStarted(what, command, error));
    });
    child.once("close", (code) => {
      signal.removeEventListener("abort", kill);
      resolve({ code: code ?? undefined, stdout: stdout(), stderr: stderr() });
    });
  });
}

type Child = ChildProcessByStdio<null, Readable, Readable>;

function startedChild(start: () => Child): Child | Error {
  try {
    return start();
  } catch (error) {
    return error as Error;
  }
}

function notStarted(what: string, command: string, cause: NodeJS.ErrnoException): PortError {
  const code = cause.code ?? cause.message;
  if (code === "EPERM") {
    return new PortError(
      "unsupported",
      `${what}: the agent may not start the program ${command} (${code}). It has capabilities (getcap shows them) that the agent's unit rules out: name them in its CapabilityBoundingSet.`,
      { cause },
    );
  }
  return new PortError(
    "invalid-options",
    `${what}: the program ${command} cannot be started (${code}). Install it on the agent's host, or correct the endpoint.`,
    { cause },
  );
}

/** Where programs are looked for, whatever the agent's own environment says. */
export const CHILD_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
