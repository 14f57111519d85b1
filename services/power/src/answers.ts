import type { CommandId, NodeId } from "@outrider/contracts/ids";
import type { PowerResult, PowerSet, Via } from "@outrider/contracts/power";
import type { ReasonCode } from "@outrider/contracts/reasons";
import type { Log } from "@outrider/messaging/log";
import { mintCommandId } from "@outrider/messaging/mint-id";
import { StorageError } from "@outrider/storage/storage-error";
import { misused } from "./admission.js";
import type { AuditTrail } from "./audit-trail.js";
import type { Journal, Recorded } from "./journal.js";
import { resultOf, type Results } from "./results.js";
import type { Patience } from "./run-state.js";
import { describePhase } from "./run-words.js";

/** A request for an action on a node. */
export interface Asking {
  readonly node: NodeId;
  readonly set: PowerSet;
  readonly actor: string;
  readonly via: Via;
  readonly wasRetained: boolean;
  /** When the request may have arrived at the earliest, by our monotonic clock. */
  readonly arrivedMs: number;
  /** The lock that must stand on the node. */
  readonly lock?: CommandId | undefined;
  /** Act although an interlock says no; whether the actor may, has been checked. Needs a reason. */
  readonly override?: boolean | undefined;
  /** How long a start may wait for a slot of its power domain. Default `ttl`. */
  readonly patience?: Patience | undefined;
  /** The transition that it is a task of. */
  readonly transition?: string | undefined;
  /**
   * Called once with the first thing that is said: `Accepted`, a terminal answer, or the recorded state of what was
   * asked before. What is accepted is in the journal by then.
   */
  readonly answered?: ((first: PowerResult) => void) | undefined;
}

interface Answer {
  readonly reasonCode?: ReasonCode | undefined;
  readonly detail: string;
}

/** Answers requests that start nothing: those that are not accepted, and those that were made before. */
export class Answers {
  constructor(
    private readonly parts: {
      readonly journal: Journal;
      readonly results: Results;
      readonly log: Log;
      readonly trail?: AuditTrail | undefined;
    },
  ) {}

  /** Tells again what is recorded under an id; a request for something else under it is refused. */
  async repeat(asking: Asking, recorded: Recorded): Promise<void> {
    const { results } = this.parts;
    const { action, startedAt } = "answer" in recorded ? recorded.answer : recorded.run;
    if (action !== asking.set.action) {
      const misuse = this.#made(asking, "Rejected", misused(action, startedAt));
      return this.#tell(asking, misuse);
    }
    if ("answer" in recorded) return this.#tell(asking, recorded.answer);
    const { run } = recorded;
    asking.answered?.(resultOf(run));
    if (run.phase.kind === "done") await results.tellOutcome(run);
    else {
      await results.tell(
        { ...run, seq: Math.max(0, run.seq - 1) },
        "InProgress",
        describePhase(run),
      );
    }
  }

  /** Answers a request that is not accepted; under an id of the client's it is remembered, and then told. */
  async answer(asking: Asking, status: "Rejected" | "Succeeded", answer: Answer): Promise<void> {
    const { journal, log } = this.parts;
    const { node, set } = asking;
    const answered = this.#made(asking, status, answer);
    this.parts.trail?.refused(asking, answered);
    if (set.id !== undefined && answer.reasonCode !== "unknown-node") {
      try {
        await journal.answered(node, answered);
      } catch (error) {
        if (!(error instanceof StorageError)) throw error;
        log.warn({ node, commandId: set.id, err: error }, "an answer could not be recorded");
      }
    }
    await this.#tell(asking, answered);
  }

  async #tell({ node, answered }: Asking, answer: PowerResult): Promise<void> {
    answered?.(answer);
    await this.parts.results.tellAnswer(node, answer);
  }

  #made(
    { set, actor, via }: Asking,
    status: "Rejected" | "Succeeded",
    { reasonCode, detail }: Answer,
  ): PowerResult {
    const id = set.id ?? mintCommandId();
    const { action } = set;
    return this.parts.results.answerTo({ id, action, actor, via, status, reasonCode, detail });
  }
}
