import type { EndpointAction } from "@outrider/contracts/agent";
import type { Supply } from "@outrider/contracts/power";
import type { ReasonCode } from "@outrider/contracts/reasons";
import type { CommandStep } from "./command-record.js";

/**
 * What becomes of a command in whose middle the agent ended. Pure. Nothing is ever done a second time; the one thing
 * that is still done is a cycle's `On`, because a cycle must not leave a node off.
 */
export type Recovery =
  /** Bring the supply on (after the dwell where it may still be short), then {@link cycleOutcome}. */
  { readonly kind: "finish-cycle"; readonly dwell: boolean } | ({ readonly kind: "end" } & Ending);

export interface Ending {
  readonly status: "Succeeded" | "Failed" | "Unknown";
  readonly reasonCode?: ReasonCode;
  readonly detail: string;
  readonly changed?: boolean;
}

/** @param supply as just read; undefined when the device could not be read */
export function recover(
  action: EndpointAction,
  step: CommandStep,
  supply: Supply | undefined,
): Recovery {
  switch (action) {
    case "On":
      return { kind: "end", ...switched("On", supply) };
    case "ForceOff":
      return { kind: "end", ...switched("Off", supply) };
    case "PowerCycle":
      return { kind: "finish-cycle", dwell: step !== "on" && supply !== "On" };
    case "ForceRestart":
    case "PushPowerButton":
    case "Nmi":
    case "GracefulShutdown":
    case "Wake":
      return {
        kind: "end",
        status: "Unknown",
        reasonCode: "interrupted",
        detail: `the agent was restarted in the middle of ${action}; whether the device got it is not known, and it was not repeated`,
      };
    default:
      return action satisfies never;
  }
}

/** How bringing the supply on after an interrupted cycle has ended. */
export type PowerOnEnd =
  | { readonly kind: "on" }
  | { readonly kind: "exhausted"; readonly problem: string }
  | { readonly kind: "silent"; readonly problem: string };

export function cycleOutcome(step: CommandStep, end: PowerOnEnd): Ending {
  const offWasVerified = step === "dwelling" || step === "on";
  switch (end.kind) {
    case "on":
      return offWasVerified
        ? {
            status: "Succeeded",
            changed: true,
            detail: "the agent was restarted in the middle of the cycle and has finished it",
          }
        : {
            status: "Failed",
            reasonCode: "interrupted",
            detail:
              "the agent was restarted in the middle of the cycle; whether the supply had been off is not known, it is on now",
          };
    case "exhausted":
      return {
        status: "Failed",
        reasonCode: "fault-latched",
        detail: `the agent was restarted in the middle of the cycle and could not bring the supply on again: ${end.problem}`,
      };
    case "silent":
      return {
        status: "Unknown",
        reasonCode: "interrupted",
        detail: `the agent was restarted in the middle of the cycle and cannot reach the device; the supply is switched on as soon as it can: ${end.problem}`,
      };
    default:
      return end satisfies never;
  }
}

function switched(wanted: "On" | "Off", supply: Supply | undefined): Ending {
  if (supply === wanted) {
    return {
      status: "Succeeded",
      detail: `the agent was restarted in the middle; the supply is ${wanted}, as commanded`,
    };
  }
  if (supply === undefined || supply === "Unknown") {
    return {
      status: "Unknown",
      reasonCode: "interrupted",
      detail: "the agent was restarted in the middle, and the supply cannot be read; look at it",
    };
  }
  return {
    status: "Failed",
    reasonCode: "interrupted",
    detail: `the agent was restarted in the middle; the supply is ${supply}, and nothing was done again`,
  };
}
