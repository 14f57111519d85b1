import type { ActStep } from "@outrider/contracts/ladder";
import { askedBy, haltWaitMs } from "./run-halt.js";
import type { Run } from "./run-state.js";

/** What a run does now, for a person. */
export function describePhase(run: Run): string {
  const { phase, escalated, tried = [] } = run;
  switch (phase.kind) {
    case "acting": {
      const why = escalated ? "the host did not obey" : tried.at(-1)?.how;
      return `${why === undefined ? "" : `${why}; `}agent ${phase.agent} is asked for ${askWords(phase.step)}`;
    }
    case "awaiting-halt":
      return `waiting up to ${haltWaitMs(run) / 1000} s for the host to shut down after ${askedBy(run)} was used`;
    case "pausing":
      return `${phase.step.action} did not succeed; it is tried again`;
    case "waiting-for-slot":
      return `waiting to start: ${phase.why}`;
    case "waiting-for-agent":
      return `waiting for the agent to come back, to do ${phase.step.action}`;
    case "done":
      return phase.outcome.status;
    default:
      return phase satisfies never;
  }
}

/** What is asked of an agent, for a person. */
function askWords({ interface: kind, action }: ActStep): string {
  return kind === "console" ? "SysRq sync, remount-read-only, power-off at the console" : action;
}
