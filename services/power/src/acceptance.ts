import { timestamp, type Clock } from "@outrider/contracts/clock";
import { commandId, type NodeId } from "@outrider/contracts/ids";
import { TTL_MS } from "@outrider/contracts/power";
import type { ReasonCode } from "@outrider/contracts/reasons";
import type { Log } from "@outrider/messaging/log";
import { mintId } from "@outrider/messaging/mint-id";
import { failpoint } from "@outrider/storage/failpoint";
import { StorageError } from "@outrider/storage/storage-error";
import type { Active } from "./active-runs.js";
import { admit, JOIN_WINDOW_MS, type Admission, type Bars, type Recent } from "./admission.js";
import { Answers, type Asking } from "./answers.js";
import type { AuditTrail } from "./audit-trail.js";
import { takesDown, type Interlocks } from "./interlocks.js";
import type { Journal } from "./journal.js";
import { UNATTRIBUTED, type Locks } from "./locks.js";
import type { Nodes } from "./nodes.js";
import { resultOf, type Results } from "./results.js";
import { advance, startsSupply } from "./run.js";
import type { Run, World } from "./run-state.js";
import { describePhase } from "./run-words.js";
import type { Starts } from "./starts.js";

/** Who carries the runs that are accepted. */
export interface Carrier {
  active(node: NodeId): Active | undefined;
  /** Ends a run whose place is taken. */
  supersede(active: Active, by: string): Promise<void>;
  /** @param issuedMs when what is made now was asked for */
  world(node: NodeId, issuedMs: number): World;
  /** Takes up a run that is in the journal. */
  carry(run: Run, issuedMs: number): void;
}

/** Decides on requests: answers them at once, or records them as runs. */
export class Acceptance {
  readonly #recent = new Map<NodeId, { readonly run: Run; readonly acceptedMs: number }>();
  readonly #answers: Answers;
  /** Nodes for which an action that takes them down is just being recorded. */
  readonly #goingDown = new Set<NodeId>();

  constructor(
    private readonly parts: {
      readonly clock: Clock;
      readonly log: Log;
      readonly journal: Journal;
      readonly nodes: Nodes;
      readonly results: Results;
      readonly locks: Locks;
      readonly interlocks: Interlocks;
      readonly starts: Starts;
      readonly trail?: AuditTrail | undefined;
      readonly carrier: Carrier;
      /** Told after each change of a node's command. */
      readonly changed: (node: NodeId) => void;
    },
  ) {
    this.#answers = new Answers(parts);
  }

  /** Whether an action that takes a node down is just being accepted. */
  goesDown(node: NodeId): boolean {
    return this.#goingDown.has(node);
  }

  /** Remembers a run that has ended, for those who ask for the same again. */
  ended(run: Run, acceptedMs: number): void {
    this.#recent.set(run.node, { run, acceptedMs });
  }

  /** Answers a request, and carries it out when it is accepted. One at a time per node. */
  async take(asking: Asking): Promise<void> {
    const { node, set, actor } = asking;
    const { clock, nodes, journal } = this.parts;
    const nowMs = clock.monotonicMs();
    const ageMs = nowMs - asking.arrivedMs;
    const ttlMs = set.ttlMs ?? TTL_MS.default;
    const recent = this.#recentOf(node, nowMs);
    const known = nodes.known(node, nowMs);
    const admission = admit({ ...asking, ageMs, ttlMs }, known, recent, this.#bars(asking));
    // What was done under the id long ago is repeated and not denied. Where nothing would be given up for a new
    // command, recording it finds that out by itself, and the usual command is spared the question.
    const isCertain =
      admission.kind === "repeat" || (admission.kind === "accept" && !admission.supersedes);
    if (set.id !== undefined && !isCertain) {
      const recorded = await journal.find(node, actor, set.id);
      if (recorded) return this.#answers.repeat(asking, recorded);
    }
    switch (admission.kind) {
      case "reject":
        return this.#answers.answer(asking, "Rejected", admission);
      case "unchanged":
        return this.#answers.answer(asking, "Succeeded", admission);
      case "repeat":
        return this.#answers.repeat(asking, admission);
      case "accept":
        // Before anything is awaited: two nodes of a role may be asked for at the same time.
        if (takesDown(set.action)) this.#goingDown.add(node);
        return this.#accept(asking, admission).finally(() => this.#goingDown.delete(node));
      default:
        return admission satisfies never;
    }
  }

  /** What may forbid the action besides the node itself. */
  #bars(asking: Asking): Bars {
    const { node, set, actor, lock, override } = asking;
    const { locks, interlocks, starts } = this.parts;
    return {
      lock: () => locks.judge(node, actor, lock),
      interlock: () => {
        if (override && actor === UNATTRIBUTED) {
          const detail = "who asks is not known on this broker, so nothing can be overridden";
          return { reasonCode: "not-allowed", detail };
        }
        const barred = override ? undefined : interlocks.judge(node, set.action);
        return barred && { reasonCode: "interlocked", detail: barred.detail };
      },
      room: (steps) =>
        steps.some((step) => step.kind === "act" && startsSupply(step))
          ? starts.refusal(node)
          : undefined,
    };
  }

  async #accept(asking: Asking, admission: Extract<Admission, { kind: "accept" }>): Promise<void> {
    const { node, set, actor, via } = asking;
    const { clock, results, nodes, locks, log, carrier } = this.parts;
    const superseded = admission.supersedes && carrier.active(node);
    if (superseded) await carrier.supersede(superseded, actor);
    const description = nodes.description(node);
    const key = mintId();
    const fresh: Run = {
      key,
      id: set.id ?? commandId(key),
      node,
      action: set.action,
      actor,
      via,
      reason: set.reason,
      ttlMs: set.ttlMs ?? TTL_MS.default,
      gracefulLimitMs: description?.gracefulLimitMs ?? 120_000,
      wake: description?.wake,
      startedAt: timestamp(clock),
      fence: locks.fence(node),
      ...(asking.override ? { override: true } : {}),
      ...(asking.patience === undefined ? {} : { patience: asking.patience }),
      ...(asking.transition === undefined ? {} : { transition: asking.transition }),
      steps: admission.steps,
      index: 0,
      escalation: admission.escalation,
      escalated: false,
      attempt: 1,
      phase: { kind: "awaiting-halt", since: timestamp(clock) },
      seq: 0,
    };
    const run = advance(fresh, { kind: "begin" }, carrier.world(node, asking.arrivedMs));
    failpoint("power.before-accept");
    const begun = await this.#begin(asking, { ...run, seq: 1 });
    if (!begun) return;
    failpoint("power.accepted");
    log.info({ node, action: set.action, actor, commandId: run.id }, "command accepted");
    const told = results.tell(run, "Accepted");
    asking.answered?.({ ...resultOf(run), status: "Accepted", detail: describePhase(run) });
    carrier.carry({ ...run, seq: 1 }, asking.arrivedMs);
    failpoint("power.told-accepted");
    await told;
    // Last, because nobody waits for it.
    this.parts.changed(node);
  }

  /**
   * Records a run, or answers why there is none.
   * @returns whether it is in the journal
   * @throws StorageError when nobody can say whether it is: then it may be carried out after a restart, and must not be
   *   denied now
   */
  async #begin(asking: Asking, run: Run): Promise<boolean> {
    const { journal, log, starts } = this.parts;
    try {
      const recorded = await journal.begin(run);
      if (!recorded) return true;
      starts.withdraw(run.key);
      await this.#answers.repeat(asking, recorded);
      return false;
    } catch (error) {
      if (!(error instanceof StorageError) || error.code === "unknown") throw error;
      if (error.code === "io" && (await this.#isRecorded(run, error))) return true;
      starts.withdraw(run.key);
      log.error(
        { node: run.node, err: error },
        "a command could not be recorded, so nothing was done",
      );
      await this.#answers.answer(asking, "Rejected", notRecorded(error));
      return false;
    }
  }

  /**
   * Whether a run stands in the journal although its recording failed. A commit that the disk did not take may turn up
   * after a crash until something else was written; a statement that failed may not.
   * @throws StorageError when that cannot be found out or made sure
   */
  async #isRecorded(
    { node, actor, via, action, id, key }: Run,
    error: StorageError,
  ): Promise<boolean> {
    const { journal, results } = this.parts;
    const recorded = await journal.find(node, actor, id);
    if (recorded && "run" in recorded && recorded.run.key === key) return true;
    if (error.statement !== undefined) return false;
    const refused = { id, action, actor, via, status: "Rejected", ...notRecorded(error) } as const;
    await journal.answered(node, results.answerTo(refused));
    return false;
  }

  #recentOf(node: NodeId, nowMs: number): Recent[] {
    const list: Recent[] = [];
    const active = this.parts.carrier.active(node);
    if (active) list.push({ run: active.run, ageMs: nowMs - active.acceptedMs });
    const ended = this.#recent.get(node);
    if (!ended) return list;
    const ageMs = nowMs - ended.acceptedMs;
    if (ageMs > JOIN_WINDOW_MS) this.#recent.delete(node);
    else list.push({ run: ended.run, ageMs });
    return list;
  }
}

function notRecorded({ code }: StorageError): { reasonCode: ReasonCode; detail: string } {
  const cure =
    code === "full" ? "free disk space on its host" : "look after its disk or its database";
  const detail = `the journal of the power service could not be written (${code}); ${cure}`;
  return { reasonCode: "storage-failed", detail };
}
