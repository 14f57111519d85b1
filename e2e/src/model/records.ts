import type { AgentCommand } from "@outrider/contracts/agent";
import type { CommandId } from "@outrider/contracts/ids";
import type { PowerResult } from "@outrider/contracts/power";

/** What really was, as nobody in the model can see it. The invariants are judged by it. */
export class Records {
  /** Commands that were issued, by id. */
  readonly issued = new Map<CommandId, Issued>();
  /** Sessions of the agent, by epoch. */
  readonly sessions = new Map<string, Session[]>();
  /** Commands that the agent has accepted, in their order. */
  readonly accepted: Accepted[] = [];
  /** When the agent last refused a command. */
  readonly refused = new Map<CommandId, number>();
  /** Accepted by the agent, and given up because their time to start was over. */
  readonly tooLate = new Set<CommandId>();
  /** Results as heard by a subscriber that always comes back. */
  readonly heard: PowerResult[] = [];
  /** When the service took a start for over, by its command. */
  readonly startsOver = new Map<CommandId, number>();
  /** Runs that the service has told as accepted, by key. */
  readonly promised = new Map<string, Promised>();
}

export interface Issued {
  readonly command: AgentCommand;
  readonly atMs: number;
  /** Of the run that it belongs to. */
  readonly run: string | undefined;
}

export interface Session {
  readonly fromMs: number;
  toMs: number;
}

export interface Accepted {
  readonly id: CommandId;
  readonly atMs: number;
  readonly retained: boolean;
  /** By how much its age may have been taken for too small. */
  readonly uncertaintyMs: number;
}

export interface Promised {
  readonly id: CommandId;
  readonly actor: string;
  readonly action: string;
  readonly retained: boolean;
}
