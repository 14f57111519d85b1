import { milliseconds, type Duration } from "@outrider/contracts/clock";
import { PortError } from "@outrider/ports/port-error";
import { isStorageError } from "@outrider/storage/storage-error";
import { policyIntent, type OnBehalf } from "./actuation.js";
import { nextAttempt } from "./attempts.js";
import type { Activity } from "./endpoint.js";
import { crashPoint } from "./failpoints.js";
import type { PowerEndpoint } from "./power-endpoint.js";
import type { PowerOnEnd } from "./recovery.js";
import type { StartPriority } from "./start-plan.js";
import type { Start } from "./start-queue.js";
import { switchOn, trySense } from "./supply.js";

const FIRST_LOOK_PAUSE_MS = 250;
const LONGEST_LOOK_PAUSE_MS = 10_000;

export interface PowerOnOptions {
  /** How long the device may be silent before this gives up. Undefined: for ever. */
  readonly silence?: Duration;
  /** For whom, as the audit log says it. */
  readonly by: OnBehalf;
  /** In the queue of its power domain. Default: that of what a cycle owes. */
  readonly priority?: StartPriority;
  /** Is told why its power domain makes it wait. */
  readonly waiting?: ((detail: string) => void) | undefined;
}

/**
 * Brings a supply on without a person: the end of a cycle, or the restore policy. Looks first and switches only what
 * is not on, in counted attempts, when its power domain has room. A device that cannot be read is looked at again,
 * which counts as no attempt.
 * @throws the reason of the activity's signal when something took its place
 */
export async function bringOn(
  endpoint: PowerEndpoint,
  activity: Activity,
  options: PowerOnOptions,
): Promise<PowerOnEnd> {
  const leave = new Leave();
  try {
    return await tryOn(endpoint, activity, options, leave);
  } finally {
    leave.giveBack();
  }
}

/** The gate's leave for the next attempt, while it is held. */
class Leave {
  #start: Start | undefined;

  get held(): boolean {
    return this.#start !== undefined;
  }

  take(start: Start): void {
    this.#start = start;
  }

  use(): Start | undefined {
    const start = this.#start;
    this.#start = undefined;
    return start;
  }

  giveBack(): void {
    this.use()?.over(false);
  }
}

async function tryOn(
  endpoint: PowerEndpoint,
  activity: Activity,
  options: PowerOnOptions,
  leave: Leave,
): Promise<PowerOnEnd> {
  const { clock } = endpoint;
  const { signal } = activity.controller;
  const mayBeInterrupted = activity.interruptible;
  let silentSinceMs: number | undefined;
  let lookPauseMs = FIRST_LOOK_PAUSE_MS;
  let problem: string | undefined;
  for (let rested = false; ;) {
    signal.throwIfAborted();
    const supply = await trySense(endpoint, signal);
    // Between the device's answer and here a command may have come.
    signal.throwIfAborted();
    if (supply === "On") return { kind: "on" };
    if (supply instanceof PortError) {
      leave.giveBack();
      const nowMs = clock.monotonicMs();
      silentSinceMs ??= nowMs;
      if (options.silence !== undefined && nowMs - silentSinceMs >= options.silence) {
        return { kind: "silent", problem: supply.message };
      }
      await clock.sleep(milliseconds(lookPauseMs), signal);
      lookPauseMs = Math.min(lookPauseMs * 2, LONGEST_LOOK_PAUSE_MS);
      continue;
    }
    silentSinceMs = undefined;
    lookPauseMs = FIRST_LOOK_PAUSE_MS;
    const next = nextAttempt(endpoint.memory.attempts);
    if (next.kind === "exhausted") {
      // Those made before may well have brought it on, only not for long.
      problem ??= `no automatic power-on is left, and it reads ${supply}`;
      return { kind: "exhausted", problem };
    }
    if (next.pause > 0 && !rested) {
      await clock.sleep(next.pause, signal);
      rested = true;
      continue;
    }
    if (!leave.held) {
      const { priority = "owed", waiting } = options;
      const result = await endpoint.gate.pass(endpoint.id, { priority, waiting }, signal);
      if (result.kind === "no") throw new Error(`${endpoint.id} was to wait without limit`);
      leave.take(result.start);
      // What was read before may not be so any more.
      if (result.start.waited) continue;
    }
    rested = false;
    activity.interruptible = false;
    await countAttempt(endpoint, options.by);
    signal.throwIfAborted();
    endpoint.overtakes("On");
    crashPoint("agent.before-on");
    const start = leave.use();
    if (!start) throw new Error(`${endpoint.id} has no leave to start`);
    const result = await switchOn(endpoint, start, signal);
    activity.interruptible = mayBeInterrupted;
    if (result.kind === "verified") return { kind: "on" };
    problem = result.problem;
    endpoint.log.warn(
      { attempt: endpoint.memory.attempts, problem },
      "an automatic power-on did not succeed",
    );
  }
}

/**
 * Records an attempt and its audit record before it is made. A journal that cannot be written must not keep a supply
 * off: the attempt then counts in this process only, and the log of the process is what tells of it.
 */
async function countAttempt(endpoint: PowerEndpoint, by: OnBehalf): Promise<void> {
  const attempts = endpoint.memory.attempts + 1;
  const intent = policyIntent(by, endpoint, "On", `automatic power-on ${attempts}`);
  try {
    await endpoint.remember({ attempts }, [], [intent]);
  } catch (error) {
    if (!isStorageError(error)) throw error;
    endpoint.hold({ attempts });
    endpoint.log.error({ err: error }, "a power-on attempt could not be recorded; going on");
  }
}
