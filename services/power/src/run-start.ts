import type { NodeId } from "@outrider/contracts/ids";
import type { ActStep } from "@outrider/contracts/ladder";
import { startsSupply } from "./run.js";
import type { Run, RunEvent } from "./run-state.js";
import type { Start } from "./starts.js";

/** The start that a run waits for or makes. */
export function startOf({ key, node, phase }: Run): Start | undefined {
  if (phase.kind !== "acting" && phase.kind !== "waiting-for-slot") return undefined;
  return startsSupply(phase.step) ? startBy(phase.step, key, node) : undefined;
}

/** The start that a rung makes. */
export function startBy({ action, owed }: ActStep, key: string, node: NodeId): Start {
  return { key, node, owed, cycles: action !== "On" };
}

/** Whether a run's wait for a slot has a limit. */
export function isTimed({ patience, phase }: Run): boolean {
  return patience !== "unlimited" && !("step" in phase && phase.step.owed);
}

/** Whether a run has yet to bring back a node that it takes down. */
export function owesStart({ phase, steps, index }: Run): boolean {
  if (phase.kind === "done") return false;
  return steps
    .slice(index)
    .some((step) => step.kind === "revive" || (step.kind === "act" && step.owed));
}

/** Whether an event ends the start that a run makes. */
export function endsStart(run: Run, event: RunEvent): boolean {
  if (run.phase.kind !== "acting" || !startOf(run)) return false;
  if (event.kind === "agent-lost-for-good") return true;
  return (
    event.kind === "report" && event.report.terminal && event.report.id === run.phase.command.id
  );
}

/** Whether the supply may have been switched on by the rung that an event ends. */
export function mayHaveStarted(event: RunEvent): boolean {
  if (event.kind !== "report") return true;
  return event.report.status !== "Rejected" && event.report.changed !== false;
}
