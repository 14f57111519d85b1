import { spawn } from "node:child_process";
import { constants } from "node:os";
import { milliseconds, systemClock } from "@outrider/contracts/clock";
import type { Lock } from "@outrider/contracts/lock";
import { Api, ApiError } from "./api.js";
import type { Cli } from "./cli.js";
import { EXIT, type ExitCode } from "./exit-code.js";

const POLL = milliseconds(1000);
/** A farewell is sent also after Ctrl-C, and does not hold up the end. */
const FAREWELL_MS = 5000;

/** Waits until a queued lock is held. @throws ApiError when it ends before; the signal's reason after leaving the queue */
export async function awaitHeld(api: Api, asked: Lock, { console }: Cli): Promise<Lock> {
  let lock = asked;
  try {
    while (lock.state === "Queued") {
      console.progress(`waiting for ${lock.nodes}: ${lock.position ?? 0} before us`);
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
 * to end (SIGTERM). Ends with the command's own exit code.
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
  const renewing = renew(api, lock, leaseMs, ended.signal, (why) => {
    lost = true;
    cli.console.error(`outrider: ${why}; the command is told to end`);
    child.kill("SIGTERM");
  });
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
  await renewing;
  if (lost) return EXIT.precondition;
  await release(api, lock);
  return code as ExitCode;
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
      const isGone = error.exitCode !== EXIT.unreachable && error.exitCode !== EXIT.timedOut;
      if (isGone || systemClock.monotonicMs() + leaseMs / 3 > heldUntilMs) {
        return onLost(`lock ${id} could not be kept: ${error.message}`);
      }
    }
  }
}

/** The lease ends by itself where this does not arrive. */
async function release({ target }: Api, { id }: Lock): Promise<void> {
  try {
    await new Api(target, AbortSignal.timeout(FAREWELL_MS)).delete(`/locks/${id}`);
  } catch {
    // Said nothing: what was locked is free again at the end of the lease.
  }
}
