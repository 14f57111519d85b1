import { spawn } from "node:child_process";
import { constants } from "node:os";
import { milliseconds, systemClock } from "@outrider/contracts/clock";
import type { Lock } from "@outrider/contracts/lock";
import { Api, ApiError } from "./api.js";
import type { Cli } from "./cli.js";
import { EXIT, type ExitCode } from "./exit-code.js";
import { plain } from "./plain.js";

const POLL = milliseconds(1000);
/** So often is looked whether the lock is still ours: a command works on alone for no longer than this. */
const LOOK = milliseconds(2000);
/** A farewell is sent also after Ctrl-C, and does not hold up the end. */
const FAREWELL_MS = 5000;

/** Waits until a queued lock is held. @throws ApiError when it ends before; the signal's reason after leaving the queue */
export async function awaitHeld(api: Api, asked: Lock, { console }: Cli): Promise<Lock> {
  let lock = asked;
  try {
    while (lock.state === "Queued") {
      console.progress(
        `waiting for ${lock.nodes}: ${lock.position ? `${lock.position} before us` : "first in line"}`,
      );
      await systemClock.sleep(POLL, console.interrupted);
      lock = await api.get<Lock>(`/locks/${lock.id}`);
    }
  } catch (error) {
    if (console.interrupted.aborted) await release(api, lock);
    throw error;
  }
  if (lock.state === "Held") return lock;
  throw new ApiError(`lock ${lock.id} is ${lock.state}; nothing was locked`, EXIT.precondition);
}

/**
 * Runs a command while the lock stands, renewing it at a third of its lease. When the lock is lost the command is told
 * to end (SIGTERM). Ends with the command's own exit code; with 5 when the lock did not stand to the end.
 */
export async function runLocked(
  api: Api,
  lock: Lock,
  [command = "", ...args]: readonly string[],
  leaseMs: number,
  cli: Cli,
): Promise<ExitCode> {
  const ended = new AbortController();
  const child = spawn(command, args, {
    stdio: "inherit",
    env: { ...cli.environment, OUTRIDER_LOCK: lock.id },
  });
  let lost = false;
  const onLost = (why: string): void => {
    if (lost) return;
    lost = true;
    cli.console.error(plain(`outrider: ${why}; the command is told to end`));
    child.kill("SIGTERM");
  };
  const keeping = [
    renew(api, lock, leaseMs, ended.signal, onLost),
    look(api, lock, ended.signal, onLost),
  ];
  const code = await new Promise<number>((resolve) => {
    child.once("error", (error) => {
      cli.console.error(`outrider: ${command} cannot be started: ${error.message}`);
      resolve(127);
    });
    // A command that died of a signal ends as a shell says it.
    child.once("close", (status, signal) =>
      resolve(status ?? 128 + (signal ? constants.signals[signal] : 0)),
    );
  });
  ended.abort();
  await Promise.all(keeping);
  if (lost) return EXIT.precondition;
  const gone = await release(api, lock);
  if (gone === undefined) return code as ExitCode;
  cli.console.error(
    plain(`outrider: ${gone}; the command ended with ${code}, and was not alone to the end`),
  );
  return EXIT.precondition;
}

/** Sees that somebody broke the lock, long before it is to be renewed. */
async function look(
  api: Api,
  { id }: Lock,
  signal: AbortSignal,
  onLost: (why: string) => void,
): Promise<void> {
  const ours = new Api(api.target, signal);
  while (!signal.aborted) {
    try {
      await systemClock.sleep(LOOK, signal);
      const seen = await ours.get<Lock>(`/locks/${id}`);
      if (seen.state !== "Held") return onLost(goneText(seen));
    } catch (error) {
      if (signal.aborted) return;
      if (!(error instanceof ApiError)) throw error;
      // Where nobody answers the lease still stands; whoever renews it knows how long.
      if (isGone(error)) return onLost(`lock ${id} is gone: ${error.message}`);
    }
  }
}

function goneText({ id, state, endedBy }: Lock): string {
  return `lock ${id} is ${state}${endedBy === undefined ? "" : ` by ${endedBy}`}`;
}

function isGone({ exitCode, problem }: ApiError): boolean {
  return exitCode === EXIT.precondition || problem["status"] === 404;
}

async function renew(
  api: Api,
  { id }: Lock,
  leaseMs: number,
  signal: AbortSignal,
  onLost: (why: string) => void,
): Promise<void> {
  const ours = new Api(api.target, signal);
  let heldUntilMs = systemClock.monotonicMs() + leaseMs;
  while (!signal.aborted) {
    try {
      await systemClock.sleep(milliseconds(leaseMs / 3), signal);
      const askedMs = systemClock.monotonicMs();
      await ours.post(`/locks/${id}/renew`, { leaseMs });
      heldUntilMs = askedMs + leaseMs;
    } catch (error) {
      if (signal.aborted) return;
      if (!(error instanceof ApiError)) throw error;
      const isRefused = error.exitCode !== EXIT.unreachable && error.exitCode !== EXIT.timedOut;
      if (isRefused || systemClock.monotonicMs() + leaseMs / 3 > heldUntilMs) {
        return onLost(`lock ${id} could not be kept: ${error.message}`);
      }
    }
  }
}

/** Says why the lock had not stood until now; undefined when it had, or when that cannot be asked. */
async function release({ target }: Api, { id }: Lock): Promise<string | undefined> {
  try {
    const last = await new Api(target, AbortSignal.timeout(FAREWELL_MS)).delete<Lock>(
      `/locks/${id}`,
    );
    // Left from the queue it is Canceled.
    return ["Released", "Canceled"].includes(last.state) ? undefined : goneText(last);
  } catch (error) {
    if (error instanceof ApiError && isGone(error)) return `lock ${id} is gone: ${error.message}`;
    // Said nothing: what was locked is free again at the end of the lease.
    return undefined;
  }
}
