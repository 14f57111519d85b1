import type { InterfaceKind } from "@outrider/contracts/ids";
import type { ActStep } from "@outrider/contracts/ladder";
import type { Run } from "./run-state.js";

/** How far a ladder that asks a host to stop has come, and what there is to say of it. Pure. */

type Halting = Pick<Run, "steps" | "index" | "gracefulLimitMs">;

/** How long the present wait for a host lasts, in milliseconds. */
export function haltWaitMs({ steps, index, gracefulLimitMs }: Halting): number {
  const step = steps[index];
  const part = step?.kind === "await-halt" ? (step.part ?? 1) : 1;
  return Math.round(gracefulLimitMs * part);
}

/** Where a ladder goes on once the host has halted: nothing is asked of it any more. */
export function afterHalt({ steps, index }: Pick<Run, "steps" | "index">): number {
  const last = steps.findLastIndex(({ kind }) => kind === "await-halt");
  return Math.max(last, index) + 1;
}

/** The rung that asks a host once more, which did not obey until here. Undefined: there is none. */
export function nextAsk({ steps, index, escalated }: Run): number | undefined {
  if (escalated) return undefined;
  const at = steps.findIndex((step, position) => position > index && step.kind === "act");
  return at < 0 ? undefined : at;
}

/** What the last rung until here asked the host by. */
export function askedBy({ steps, index }: Pick<Run, "steps" | "index">): string {
  const step = steps.slice(0, index + 1).findLast((one): one is ActStep => one.kind === "act");
  if (step?.action !== "GracefulShutdown") return "its power button";
  return SHUTDOWNS[step.interface] ?? `its ${step.interface}`;
}

const SHUTDOWNS: Readonly<Partial<Record<InterfaceKind, string>>> = {
  power: "the shutdown of its power device (ACPI)",
  button: "the program on it that shuts it down",
  console: "SysRq at its console",
};

/** That a rung was not obeyed. */
export function notObeyed(run: Run): string {
  return `the host did not obey ${askedBy(run)} within ${haltWaitMs(run) / 1000} s`;
}

/** That a rung did not come about. */
export function notAsked(run: Run, why: string | undefined): string {
  return `${askedBy(run)} could not be used${why === undefined ? "" : ` (${why})`}`;
}

/** What stopped the host, for the last word about the command. Undefined: nothing was waited for, or force was used. */
export function stopNote({ stoppedBy, tried = [] }: Run): string | undefined {
  if (stoppedBy === undefined) return undefined;
  return [...tried.map(({ how }) => how), `the host shut down after ${stoppedBy} was used`].join(
    "; ",
  );
}
