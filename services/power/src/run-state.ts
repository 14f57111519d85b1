import type { AgentCommand, CommandReport } from "@outrider/contracts/agent";
import type { CommandId, NodeId } from "@outrider/contracts/ids";
import type { ActStep, Capabilities, Step } from "@outrider/contracts/ladder";
import type { Wake } from "@outrider/contracts/node";
import type { Action, CommandStatus, Host, Supply, Via } from "@outrider/contracts/power";
import type { ReasonCode } from "@outrider/contracts/reasons";

/**
 * One accepted command and how far its ladder has come. Pure: `advance` in `run.ts` says what the run
 * becomes; `runs.ts` writes that down first and acts afterwards.
 */
export interface Run {
  /** Ours; the public `id` counts only per actor and node. */
  readonly key: string;
  readonly id: CommandId;
  readonly node: NodeId;
  readonly action: Action;
  readonly actor: string;
  readonly via: Via;
  readonly reason?: string | undefined;
  readonly ttlMs: number;
  readonly gracefulLimitMs: number;
  readonly wake?: Wake | undefined;
  readonly startedAt: string;
  /** Fencing token of the node's lock when the command was accepted. Default 0. */
  readonly fence?: number | undefined;
  /** Whether an interlock was overridden. */
  readonly override?: boolean | undefined;
  /** How long a start waits for a slot of its power domain: as long as the command may wait, or for ever. Default `ttl`. */
  readonly patience?: Patience | undefined;
  /** The transition that it is a task of. */
  readonly transition?: string | undefined;
  readonly steps: readonly Step[];
  readonly index: number;
  /** Takes the place of the remaining rungs when the host does not obey. */
  readonly escalation: readonly Step[];
  readonly escalated: boolean;
  /** The rungs that did not stop the host. Default none. */
  readonly tried?: readonly Tried[] | undefined;
  /** What the host was last asked by when it was seen to have stopped. */
  readonly stoppedBy?: string | undefined;
  /** How often the present rung has been tried. */
  readonly attempt: number;
  /** How often it did not get as far as the device, which counts as no attempt. Default 0. */
  readonly unheard?: number | undefined;
  /** The last word of an agent that had no room for a start, and how often in turn it said the same. */
  readonly noRoom?: { readonly detail: string | undefined; readonly times: number } | undefined;
  readonly phase: Phase;
  /** Number of the next result; of the terminal one once the run is done. */
  readonly seq: number;
}

/** A rung that did not stop the host. */
export interface Tried {
  /** What became of it, a sentence. */
  readonly how: string;
  /** Whether it was done, and the host waited for. */
  readonly waited: boolean;
}

export type Patience = "ttl" | "unlimited";

export type Phase =
  /** A start that its power domain has no room for yet; nothing was sent. */
  | {
      readonly kind: "waiting-for-slot";
      readonly step: ActStep;
      readonly since: string;
      /** What it waits for, for a person. */
      readonly why: string;
    }
  /** An act rung whose agent is not there; nothing was sent yet. */
  | { readonly kind: "waiting-for-agent"; readonly step: ActStep; readonly since: string }
  | {
      readonly kind: "acting";
      readonly step: ActStep;
      readonly agent: string;
      readonly command: AgentCommand;
    }
  | { readonly kind: "awaiting-halt"; readonly since: string }
  /** Before a rung is tried again that is owed, or a start that its agent had no room for. */
  | {
      readonly kind: "pausing";
      readonly step: ActStep;
      readonly since: string;
      readonly pauseMs: number;
    }
  | { readonly kind: "done"; readonly outcome: Outcome };

export interface Outcome {
  readonly status: Extract<
    CommandStatus,
    "Succeeded" | "Failed" | "TimedOut" | "Canceled" | "Unknown"
  >;
  readonly reasonCode?: ReasonCode | undefined;
  readonly detail?: string | undefined;
  readonly endedAt: string;
}

export type RunEvent =
  | { readonly kind: "begin" }
  | { readonly kind: "report"; readonly report: CommandReport }
  | { readonly kind: "seen"; readonly supply: Supply; readonly host: Host }
  | { readonly kind: "limit-reached" }
  | { readonly kind: "agent-ready" }
  /** Its power domain has room for the start: the slot is held already. */
  | { readonly kind: "slot-granted" }
  /** Its power domain could never have room for the start. */
  | { readonly kind: "never-fits"; readonly why: string }
  /** Nobody wants what has not begun. */
  | { readonly kind: "canceled"; readonly by: string; readonly reasonCode: ReasonCode }
  | { readonly kind: "agent-lost-for-good" }
  | { readonly kind: "superseded"; readonly by: string };

/** What the world looks like when a rung is entered. */
export interface World {
  readonly capabilities: Capabilities;
  readonly supply: Supply;
  /** Missing where nobody looks. */
  readonly host?: Host | undefined;
  readonly now: string;
  /** Makes the envelope of a rung. Undefined while the agent is away or its endpoint is not bound. */
  readonly envelope: (
    step: ActStep,
    run: Run,
  ) => { agent: string; command: AgentCommand } | undefined;
  /**
   * Takes a start slot of the node's power domain, or a place in its queue. Undefined when the slot was taken, else
   * what is waited for. Missing: nothing is paced.
   */
  readonly takeSlot?: ((step: ActStep, run: Run) => string | undefined) | undefined;
  /** Why a rung that is not owed may not be begun any more. */
  readonly barred?:
    | ((run: Run) => { readonly reasonCode: ReasonCode; readonly detail: string } | undefined)
    | undefined;
}
