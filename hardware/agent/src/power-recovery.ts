import { milliseconds, seconds } from "@outrider/contracts/clock";
import type { Supply } from "@outrider/contracts/power";
import { PortError } from "@outrider/ports/port-error";
import { isStorageError } from "@outrider/storage/storage-error";
import { RECOVERY } from "./actuation.js";
import type { CommandRecord } from "./command-record.js";
import type { Activity } from "./endpoint.js";
import type { Journal, MemoryPatch } from "./journal.js";
import type { Outcome } from "./outcome.js";
import type { PowerEndpoint } from "./power-endpoint.js";
import { CYCLE_SILENCE, faultText } from "./power-execution.js";
import { bringOn } from "./power-on.js";
import { cycleOutcome, recover } from "./recovery.js";
import { trySense } from "./supply.js";

/** How long an interrupted command waits for a device that does not answer before it ends as not known. */
const SENSE_WITHIN = seconds(10);

export interface PowerRecovery {
  readonly record: CommandRecord;
  readonly endpoint: PowerEndpoint;
  readonly activity: Activity;
  readonly journal: Pick<Journal, "recordStep">;
  readonly bootId: string | undefined;
  readonly conclude: (outcome: Outcome) => Promise<void>;
}

/** Ends a command for a supply that a former process left open. Takes the watts for what a cycle owes at once. */
export async function recoverPower(recovery: PowerRecovery): Promise<void> {
  const { record, endpoint, conclude } = recovery;
  const watts = mayHaveTaken(record, endpoint) ? endpoint.gate.reserve(endpoint.id) : undefined;
  try {
    await conclude(await outcomeOf(recovery));
  } finally {
    watts?.over(true);
  }
}

/**
 * Whether a cycle may have taken a supply away that was on: the watts for its `On` are kept. One that had not begun
 * on a node that was off has nothing to give back, and waits for room as any start does.
 */
function mayHaveTaken({ action, step }: CommandRecord, { memory }: PowerEndpoint): boolean {
  return action === "PowerCycle" && (step !== "acting" || memory.seen !== "Off");
}

async function outcomeOf({
  record,
  endpoint,
  activity,
  journal,
  bootId,
}: PowerRecovery): Promise<Outcome> {
  const { clock } = endpoint;
  const { signal } = activity.controller;
  const { action, step } = record;
  // Whoever commanded the supply has decided about it; after a boot no policy steps in.
  const decided: MemoryPatch = bootId === undefined ? {} : { bootId };
  const supply = await senseWithin(endpoint, signal, action === "PowerCycle" ? 0 : SENSE_WITHIN);
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
  return { ...cycleOutcome(step, end), patch: { ...decided, ...cyclePatch(end, step) } };
}

function cyclePatch(
  end: Awaited<ReturnType<typeof bringOn>>,
  step: CommandRecord["step"],
): MemoryPatch {
  switch (end.kind) {
    case "on":
      // The device may have been asked, and was not seen off.
      return { seen: "On", attempts: 0, ...(step === "acting" ? { owed: "late-cycle" } : {}) };
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
  endpoint: PowerEndpoint,
  journal: PowerRecovery["journal"],
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
  endpoint: PowerEndpoint,
  signal: AbortSignal,
  limitMs: number,
): Promise<Supply | undefined> {
  const { clock } = endpoint;
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
