import { timestamp, type Clock } from "@outrider/contracts/clock";
import type { CommandId, NodeId } from "@outrider/contracts/ids";
import {
  powerResult,
  type Action,
  type CommandStatus,
  type PowerResult,
  type Via,
} from "@outrider/contracts/power";
import type { ReasonCode } from "@outrider/contracts/reasons";
import type { Log } from "@outrider/messaging/log";
import type { Session } from "@outrider/messaging/session";
import { MessagingError } from "@outrider/messaging/errors";
import { describePhase } from "./run-words.js";
import type { Run } from "./run-state.js";

/** What a refusal says of a command that was never accepted. */
export interface Refused {
  readonly id: CommandId;
  readonly action?: Action | undefined;
  readonly actor: string;
  readonly via: Via;
  readonly status: Extract<CommandStatus, "Rejected" | "Succeeded">;
  readonly reasonCode?: ReasonCode | undefined;
  readonly detail: string;
}

/** Tells what becomes of commands on `node/<n>/power/result`. */
export class Results {
  constructor(
    private readonly session: Session,
    private readonly clock: Clock,
    private readonly log: Log,
  ) {}

  /** Tells a run's state. @returns whether the broker has taken it */
  async tell(
    run: Run,
    status: Extract<CommandStatus, "Accepted" | "InProgress">,
    detail?: string,
  ): Promise<boolean> {
    return this.#publish(run.node, {
      ...common(run),
      status,
      terminal: false,
      ...optional({ detail }),
    });
  }

  /** Tells the one terminal result of a run that is done. @returns whether the broker has taken it */
  async tellOutcome(run: Run): Promise<boolean> {
    if (run.phase.kind !== "done") return false;
    return this.#publish(run.node, resultOf(run));
  }

  /** The answer to a command that was never accepted, or needed nothing to be done. */
  answerTo({ action, reasonCode, ...rest }: Refused): PowerResult {
    const at = timestamp(this.clock);
    return {
      ...rest,
      ...optional({ action, reasonCode }),
      seq: 0,
      terminal: true,
      startedAt: at,
      endedAt: at,
    };
  }

  /** Tells an answer, now or again. */
  async tellAnswer(node: NodeId, answer: PowerResult): Promise<void> {
    const { action, actor, id, reasonCode } = answer;
    this.log.info({ node, action, actor, commandId: id, reasonCode }, "command answered at once");
    await this.#publish(node, answer);
  }

  async #publish(node: NodeId, result: PowerResult): Promise<boolean> {
    try {
      await this.session.publish(powerResult, { node }, result);
      return true;
    } catch (error) {
      if (!(error instanceof MessagingError)) throw error;
      this.log.debug(
        { node, commandId: result.id, code: error.code },
        "result not taken by the broker",
      );
      return false;
    }
  }
}

/** What there is to say of a run now. */
export function resultOf(run: Run): PowerResult {
  if (run.phase.kind !== "done") {
    const detail = describePhase(run).slice(0, 1000);
    return { ...common(run), status: "InProgress", terminal: false, detail };
  }
  const { status, reasonCode, detail, endedAt } = run.phase.outcome;
  return {
    ...common(run),
    status,
    terminal: true,
    ...optional({ reasonCode, detail: detail?.slice(0, 1000) }),
    endedAt,
  };
}

function common(
  run: Run,
): Pick<PowerResult, "id" | "seq" | "action" | "actor" | "via" | "startedAt"> {
  const { id, seq, action, actor, via, startedAt } = run;
  return { id, seq, action, actor, via, startedAt };
}

/** Leaves out what is undefined: on the wire a thing is there or not. */
function optional<T extends object>(properties: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  return Object.fromEntries(
    Object.entries(properties).filter(([, value]) => value !== undefined),
  ) as never;
}
