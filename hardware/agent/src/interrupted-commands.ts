import type { CommandReport } from "@outrider/contracts/agent";
import { milliseconds, seconds, type Clock } from "@outrider/contracts/clock";
import type { EndpointId } from "@outrider/contracts/ids";
import { PortError } from "@outrider/ports/port-error";
import type { Supply } from "@outrider/contracts/power";
import { isStorageError } from "@outrider/storage/storage-error";
import { RECOVERY } from "./actuation.js";
import type { CommandRecord } from "./command-record.js";
import { terminalReport, type CommandRuns } from "./command-runs.js";
import type { Activity, Endpoint } from "./endpoint.js";
import { CYCLE_SILENCE, faultText, type Outcome } from "./execution.js";
import type { Journal, MemoryPatch } from "./journal.js";
import { bringOn } from "./power-on.js";
import { cycleOutcome, recover } from "./recovery.js";
import { trySense } from "./supply.js";

/** How long an interrupted command waits for a device that does not answer before it ends as not known. */
const SENSE_WITHIN = seconds(10);

export interface RecoverOptions {
  readonly clock: Clock;
  readonly journal: Journal;
  readonly runs: CommandRuns;
  readonly bootId: string | undefined;
  readonly stopped: AbortSignal;
  /** Is told when the endpoint was given back. */
  readonly released: (endpoint: Endpoint) => void;
  /** Is told what the journal now remembers of an endpoint that was not there. */
  readonly remembered: (endpoint: EndpointId, patch: MemoryPatch) => void;
  /** Is told what is now to be said about the command. */
  readonly said: (report: CommandReport) => void;
}

/**
 * Brings a command to its end that a former process left open. Takes the endpoint at once and holds it, so that nothing
 * else runs there before. Resolves when the outcome is in the journal.
 * @throws the reason of `stopped` when the agent stops before
 */
export async function recoverCommand(
  record: CommandRecord,
  endpoint: Endpoint | undefined,
  options: RecoverOptions,
): Promise<void> {
  const { runs, stopped, said, remembered, journal, clock } = options;
  if (!endpoint) {
    const outcome = outcomeWithout(record);
    const report = terminalReport(record, outcome, clock);
    await journal.end(record, report, outcome.patch, []);
    remembered(record.endpoint, outcome.patch);
    said(report);
    return;
  }
  const activity: Activity = {
    what: `${record.action} (${record.id}, interrupted)`,
    interruptible: false,
    controller: new AbortController(),
  };
  const stop = (): void => activity.controller.abort(stopped.reason);
  stopped.addEventListener("abort", stop, { once: true });
  endpoint.begin(activity);
  const watts = mayHaveTaken(record, endpoint) ? endpoint.gate.reserve(endpoint.id) : undefined;
  try {
    endpoint.log.warn(
      { commandId: record.id, action: record.action, step: record.step },
      "a command was interrupted; it is brought to its end",
    );
    const outcome = await outcomeOf(record, endpoint, activity, options);
    said(await runs.end(record, endpoint, activity, outcome));
  } finally {
    stopped.removeEventListener("abort", stop);
    watts?.over(true);
    endpoint.end(activity);
    options.released(endpoint);
  }
}

/**
 * Whether a cycle may have taken a supply away that was on: the watts for its `On` are kept. One that had not begun
 * on a node that was off has nothing to give back, and waits for room as any start does.
 */
function mayHaveTaken({ action, step }: CommandRecord, { memory }: Endpoint): boolean {
  return action === "PowerCycle" && (step !== "acting" || memory.seen !== "Off");
}

async function outcomeOf(
  record: CommandRecord,
  endpoint: Endpoint,
  activity: Activity,
  { clock, journal, bootId }: RecoverOptions,
): Promise<Outcome> {
  const { signal } = activity.controller;
  const { action, step } = record;
  // Whoever commanded the supply has decided about it; after a boot no policy steps in.
  const decided: MemoryPatch = bootId === undefined ? {} : { bootId };
  const supply = await senseWithin(
    endpoint,
    clock,
    signal,
    action === "PowerCycle" ? 0 : SENSE_WITHIN,
  );
  const recovery = recover(action, step, supply);
  if (recovery.kind === "end") {
    const { kind: _, ...ending } = recovery;
    const seen = supply === "On" || supply === "Off" ? { seen: supply } : {};
    return {
      ...ending,
      patch: { ...(action === "On" || action === "ForceOff" ? decided : {}), ...seen },
    };
  }
  if (recovery.dwell) await clock.sleep(milliseconds(endpoint.desired.dwellMs), signal);
  if (step === "dwelling") await recordOn(record, endpoint, journal);
  const end = await bringOn(endpoint, activity, {
    silence: CYCLE_SILENCE,
    by: { ...RECOVERY, command: record.id },
  });
  return { ...cycleOutcome(step, end), patch: { ...decided, ...cyclePatch(end) } };
}

function cyclePatch(end: Awaited<ReturnType<typeof bringOn>>): MemoryPatch {
  switch (end.kind) {
    case "on":
      return { seen: "On", attempts: 0 };
    case "exhausted":
      return { seen: "Off", fault: faultText(end.problem) };
    case "silent":
      return { seen: "Off", owed: "cycle" };
    default:
      return end satisfies never;
  }
}

async function recordOn(
  record: CommandRecord,
  endpoint: Endpoint,
  journal: Journal,
): Promise<void> {
  try {
    await journal.recordStep(record.id, "on");
  } catch (error) {
    if (!isStorageError(error)) throw error;
    endpoint.log.error(
      { err: error, commandId: record.id },
      "a step could not be recorded; going on",
    );
  }
}

async function senseWithin(
  endpoint: Endpoint,
  clock: Clock,
  signal: AbortSignal,
  limitMs: number,
): Promise<Supply | undefined> {
  const endMs = clock.monotonicMs() + limitMs;
  for (let pauseMs = 100; ; pauseMs = Math.min(1000, pauseMs * 2)) {
    const supply = await trySense(endpoint, signal);
    const settled = supply === "On" || supply === "Off";
    if (settled || clock.monotonicMs() >= endMs) {
      return supply instanceof PortError ? undefined : supply;
    }
    await clock.sleep(milliseconds(pauseMs), signal);
  }
}

/** The endpoint is no longer the agent's: nothing can be read or done. */
function outcomeWithout({ action, endpoint }: CommandRecord): Outcome {
  return {
    status: "Unknown",
    reasonCode: "interrupted",
    detail: `the agent was restarted in the middle of ${action}, and ${endpoint} is not configured any more; look at the node`,
    patch: action === "PowerCycle" ? { owed: "cycle" } : {},
  };
}
