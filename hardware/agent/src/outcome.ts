import type { AgentCommand } from "@outrider/contracts/agent";
import type { CommandStatus, Supply } from "@outrider/contracts/power";
import type { ReasonCode } from "@outrider/contracts/reasons";
import type { PortError, PortErrorCode } from "@outrider/ports/port-error";
import type { CommandStep } from "./command-record.js";
import type { Activity } from "./endpoint.js";
import type { MemoryPatch } from "./journal.js";

/** How a command has ended, with what is to be remembered of its endpoint. */
export interface Outcome {
  readonly status: Extract<CommandStatus, "Succeeded" | "Failed" | "Rejected" | "Unknown">;
  readonly reasonCode?: ReasonCode | undefined;
  readonly detail?: string | undefined;
  readonly changed?: boolean | undefined;
  /** Set when it is certain that nothing was done: the device was not asked, or it said no. */
  readonly nothingDone?: "not-asked" | "refused" | undefined;
  readonly patch: MemoryPatch;
}

/** A command that is in the journal, and what it needs to be done. */
export interface Execution {
  readonly command: Pick<AgentCommand, "id" | "action" | "actor" | "via">;
  readonly activity: Activity;
  /** The supply just before, or why it could not be read. */
  readonly before: Supply | PortError;
  /** Records the next step; never fails, since a half-done cycle must be finished even when the disk is full. */
  readonly recordStep: (step: CommandStep) => Promise<void>;
  /** When it must have started, by the monotonic clock. */
  readonly startByMs: number;
  /** Whether it still may start: asked again after a wait. */
  readonly mayStart: () => boolean;
  /** Tells whoever asked how far it has come. */
  readonly progress: (detail: string) => void;
}

/** The command came to its journal, or to the head of its queue, when its time was over. */
export const TOO_LATE: Outcome = {
  status: "Rejected",
  reasonCode: "expired",
  detail:
    "its time to start, or the session that it was meant for, was over before it could begin; nothing was done",
  nothingDone: "not-asked",
  patch: {},
};

/** A device, or what stands before it, has kept a command from being done. */
export function nothingDone(
  why: NonNullable<Outcome["nothingDone"]>,
  code: PortErrorCode,
  detail: string,
): Outcome {
  return { status: "Failed", reasonCode: reasonOf(code), detail, nothingDone: why, patch: {} };
}

/** Whether a device that failed like this has certainly not acted. */
export function isRefusal(code: PortErrorCode): boolean {
  return code === "refused" || code === "unsupported" || code === "invalid-options";
}

/** What a port's error is called in the outcome of a command. */
export function reasonOf(code: PortErrorCode): ReasonCode {
  switch (code) {
    case "unsupported":
      return "unsupported-action";
    case "invalid-options":
      return "endpoint-failed";
    case "protocol":
      return "unreachable";
    case "refused":
    case "unreachable":
    case "timed-out":
      return code;
    default:
      return code satisfies never;
  }
}
