import type { CommandReport, Observation } from "@outrider/contracts/agent";
import { hours, seconds, timestamp, type Clock } from "@outrider/contracts/clock";
import { commandId, type AgentId, type CommandId, type NodeId } from "@outrider/contracts/ids";
import { TTL_MS, type PowerResult } from "@outrider/contracts/power";
import type { ReasonCode } from "@outrider/contracts/reasons";
import type { ClockBeacon } from "@outrider/messaging/clock-beacon";
import type { Log } from "@outrider/messaging/log";
import { mintId } from "@outrider/messaging/mint-id";
import type { Session } from "@outrider/messaging/session";
import { failpoint } from "@outrider/storage/failpoint";
import type { Restored } from "@outrider/storage/storage";
import { StorageError } from "@outrider/storage/storage-error";
import { ActiveRuns, type Active } from "./active-runs.js";
import { admit, JOIN_WINDOW_MS, type Admission, type Bars, type Recent } from "./admission.js";
import { Answers, type Asking } from "./answers.js";
import type { AuditTrail } from "./audit-trail.js";
import { Dispatch } from "./dispatch.js";
import type { Journal } from "./journal.js";
import { Lanes } from "./lanes.js";
import { takesDown, type Interlocks } from "./interlocks.js";
import { UNATTRIBUTED, type Locks } from "./locks.js";
import type { Nodes } from "./nodes.js";
import { resultOf, type Results } from "./results.js";
import {
  advance,
  describePhase,
  hasNotBegun,
  startsSupply,
  type Run,
  type RunEvent,
  type World,
} from "./run.js";
import type { Start, Starters, Starts } from "./starts.js";

/** Crash points for fault tests, in the order of a command's life. */
export const POWER_FAILPOINTS = [
  "power.before-accept",
  "power.accepted",
  "power.told-accepted",
  "power.issued",
  "power.reported",
  "power.saved",
  "power.told-outcome",
] as const;

/** Ids are remembered for seven days, in milliseconds. */
const REMEMBER_MS = 7 * 86_400_000;
const PRUNE_EVERY = hours(1);
/** Results told between two records are not counted by the journal: after a restart numbers leave a gap. */
const SEQ_GAP = 1000;

/** Made once: an abort without a reason makes an error with a stack each time. */
const PHASE_OVER = new Error("the phase is over");

/** Carries commands through their ladders: what a run becomes is written down first, then acted on and told. */
export class Runs implements Starters {
  readonly #active = new ActiveRuns();
  readonly #recent = new Map<NodeId, Recent & { readonly acceptedMs: number }>();
  readonly #last = new Map<NodeId, Run>();
  readonly #lanes: Lanes<NodeId>;
  readonly #dispatch: Dispatch;
  readonly #answers: Answers;
  readonly #stopped = new AbortController();
  /** Nodes for which an action that takes them down is just being recorded. */
  readonly #goingDown = new Set<NodeId>();
  #wasRestored = false;
  readonly #endListeners: ((run: Run) => void)[] = [];
  #stopPruning: (() => void) | undefined;

  constructor(
    private readonly parts: {
      readonly session: Session;
      readonly beacon: ClockBeacon;
      readonly clock: Clock;
      readonly log: Log;
      readonly journal: Journal;
      readonly nodes: Nodes;
      readonly results: Results;
      readonly locks: Locks;
      readonly interlocks: Interlocks;
      readonly starts: Starts;
      readonly trail?: AuditTrail | undefined;
      /** Told after each change of a node's command. */
      readonly changed: (node: NodeId) => void;
      /** Told of a defect, after which the process cannot go on. */
      readonly defect: (error: unknown) => void;
    },
  ) {
    this.#lanes = new Lanes(parts.log, parts.defect);
    this.#dispatch = new Dispatch(parts);
    this.#answers = new Answers(parts);
    parts.starts.follow(this);
    parts.interlocks.follow((node) => this.goesDown(node));
  }

  /** Takes up what a former process left. Before the first message. */
  async load(): Promise<void> {
    const { journal, clock, log } = this.parts;
    await journal.prune(clock.now(), REMEMBER_MS);
    this.#stopPruning = clock.every(PRUNE_EVERY, () => {
      journal.prune(clock.now(), REMEMBER_MS).catch((error: unknown) => {
        log.warn(
          { err: error },
          "old commands could not be forgotten; it is tried again in an hour",
        );
      });
    });
    for (const run of await journal.last()) this.#last.set(run.node, run);
    const restored = await journal.restored();
    if (restored) await this.#giveUp(restored);
    for (const run of await journal.open()) {
      this.#adopt({ ...run, seq: run.seq + SEQ_GAP }, clock.monotonicMs());
      const start = startOf(run);
      if (start && run.phase.kind === "acting") this.parts.starts.hold(start);
      // How long it has waited is not known, and no start is late.
      if (run.phase.kind === "waiting-for-slot" && isTimed(run))
        this.#feed(run.node, { kind: "limit-reached" });
    }
  }

  /** Whether the journal came from a backup when this process began: what it knew as open must not act again. */
  get wasRestored(): boolean {
    return this.#wasRestored;
  }

  /** What a backup holds open may have been done since, and the world has gone on: nothing of it acts. */
  async #giveUp(restored: Restored): Promise<void> {
    const { journal, clock, log } = this.parts;
    this.#wasRestored = true;
    const detail = `the power service was put back from a backup of ${restored.backupAt}, in which this command had not ended; what became of it is not known, and nothing more is done for it`;
    const outcome = {
      status: "Unknown",
      reasonCode: "interrupted",
      detail,
      endedAt: timestamp(clock),
    } as const;
    const open = await journal.open();
    const ended = open.map((run): Run => ({
      ...run,
      seq: run.seq + SEQ_GAP,
      phase: { kind: "done", outcome },
    }));
    await journal.settle(restored, ended);
    for (const run of ended) this.#last.set(run.node, run);
    log.warn(
      { commands: ended.length, backupAt: restored.backupAt },
      "put back from a backup: commands that it held open are given up",
    );
  }

  /** The newest command of a node, ended or not. */
  last(node: NodeId): Run | undefined {
    return this.#active.get(node)?.run ?? this.#last.get(node);
  }

  /** Called with every run that has ended, once that is in the journal and before it is told. */
  onEnded(listener: (run: Run) => void): void {
    this.#endListeners.push(listener);
  }

  /** Whether an action that takes a node down is under way or just being accepted. */
  goesDown(node: NodeId): boolean {
    if (this.#goingDown.has(node)) return true;
    const run = this.#active.get(node)?.run;
    return run !== undefined && takesDown(run.action);
  }

  /** What is known of a command: its present state, its outcome, or how it was refused. */
  async find(node: NodeId, actor: string, id: CommandId): Promise<PowerResult | undefined> {
    const active = this.#active.get(node)?.run;
    if (active?.id === id && active.actor === actor) return resultOf(active);
    const recorded = await this.parts.journal.find(node, actor, id);
    if (!recorded) return undefined;
    return "answer" in recorded ? recorded.answer : resultOf(recorded.run);
  }

  /**
   * Gives up a command of which nothing has been sent: it waits for a start slot or for its agent.
   * @param by who gives it up
   * @returns whether it ended so; false where it acts, has ended, or is not there
   */
  cancelWaiting(
    node: NodeId,
    id: CommandId,
    by: string,
    reasonCode: ReasonCode = "aborted",
  ): Promise<boolean> {
    return new Promise((resolve) => {
      this.#lanes.enqueue(node, async () => {
        const active = this.#active.get(node);
        const waits = active?.run.id === id && hasNotBegun(active.run);
        if (waits) await this.#apply(active, { kind: "canceled", by, reasonCode });
        resolve(waits);
      });
    });
  }

  /** A power domain has room for a start that waited. */
  slotGranted(start: Start): void {
    this.#lanes.enqueue(start.node, async () => {
      const active = this.#active.ofKey(start.key);
      if (active?.run.phase.kind === "waiting-for-slot")
        await this.#apply(active, { kind: "slot-granted" });
    });
  }

  /** Tells how a start gets on that waits for its power domain. */
  waits({ key, node }: Start, why: string): void {
    this.#lanes.enqueue(node, async () => {
      const active = this.#active.ofKey(key);
      if (active?.run.phase.kind !== "waiting-for-slot" || active.said === why) return;
      const { run } = active;
      this.#replace({ ...active, said: why }, { ...run, seq: run.seq + 1 });
      await this.parts.results.tell(run, "InProgress", `waiting to start: ${why}`);
    });
  }

  /** Somebody asks for an action. Every request is answered on the bus. */
  ask(asking: Asking): void {
    this.#lanes.enqueue(asking.node, () => this.#ask(asking));
  }

  /** The node whose present rung is this command of an agent. */
  asking(command: CommandId): NodeId | undefined {
    return this.#active.ofCommand(command);
  }

  /** An agent reports on a command. Resolves when what follows from it is recorded. */
  report(node: NodeId, report: CommandReport): Promise<void> {
    return new Promise((resolve) => {
      this.#lanes.enqueue(node, async () => {
        const active = this.#active.get(node);
        if (active && report.terminal) await this.#apply(active, { kind: "report", report });
        else if (active) await this.#progress(active, report);
        resolve();
      });
    });
  }

  seen(node: NodeId, { supply, host }: Observation): void {
    if (this.#active.get(node)?.run.phase.kind !== "awaiting-halt") return;
    this.#feed(node, { kind: "seen", supply, host });
  }

  /** An agent began a session or is gone: what it was asked is asked again, which never acts twice, or waited for. */
  agentChanged(agent: AgentId): void {
    for (const node of this.#active.ofAgent(agent)) this.#rearm(node);
    this.agentDescribed(agent);
  }

  /** Endpoints may be there that were not before. */
  agentDescribed(agent: AgentId): void {
    for (const node of this.#active.waitingForAgent()) {
      const phase = this.#active.get(node)?.run.phase;
      if (phase?.kind !== "waiting-for-agent") continue;
      if (this.parts.nodes.binding(node, phase.step.interface)?.agent === agent)
        this.#feed(node, { kind: "agent-ready" });
    }
  }

  /** The broker is there again: results that nobody may have seen are told, and rungs are taken up. */
  async connected(): Promise<void> {
    for (const run of await this.parts.journal.unannounced()) await this.#announce(run);
    for (const node of this.#active.nodes()) this.#rearm(node);
  }

  disconnected(): void {
    for (const { timers, run } of this.#active.all())
      if (run.phase.kind === "acting") timers.abort();
  }

  async stop(): Promise<void> {
    this.#stopped.abort();
    this.#stopPruning?.();
    for (const { timers } of this.#active.all()) timers.abort();
    await this.#lanes.idle();
  }

  async #ask(asking: Asking): Promise<void> {
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
    const { clock, journal, results, nodes, locks, log } = this.parts;
    const superseded = admission.supersedes && this.#active.get(node);
    if (superseded) await this.#apply(superseded, { kind: "superseded", by: actor });
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
    const run = advance(fresh, { kind: "begin" }, this.#world(node, asking.arrivedMs));
    failpoint("power.before-accept");
    try {
      const recorded = await journal.begin({ ...run, seq: 1 });
      if (recorded) {
        this.parts.starts.withdraw(run.key);
        return await this.#answers.repeat(asking, recorded);
      }
    } catch (error) {
      if (!(error instanceof StorageError)) throw error;
      this.parts.starts.withdraw(run.key);
      log.error({ node, err: error }, "a command could not be recorded, so nothing was done");
      return this.#answers.answer(asking, "Rejected", {
        reasonCode: "storage-failed",
        detail: `the journal of the power service could not be written (${error.code}); free disk space on its host`,
      });
    }
    failpoint("power.accepted");
    log.info({ node, action: set.action, actor, commandId: run.id }, "command accepted");
    const told = results.tell(run, "Accepted");
    asking.answered?.({ ...resultOf(run), status: "Accepted", detail: describePhase(run) });
    const active = this.#adopt({ ...run, seq: 1 }, clock.monotonicMs(), asking.arrivedMs);
    if (active) this.#arm(active);
    failpoint("power.told-accepted");
    await told;
    // Last, because nobody waits for it.
    this.parts.changed(node);
  }

  async #progress(active: Active, report: CommandReport): Promise<void> {
    const { run } = active;
    if (run.phase.kind !== "acting" || run.phase.command.id !== report.id) return;
    const heardMs = this.parts.clock.monotonicMs();
    const said = report.detail ?? `agent ${run.phase.agent} does ${run.phase.command.action}`;
    // An agent that is asked again says the same again; that is no news.
    if (said === active.said) return this.#replace({ ...active, heardMs }, run);
    this.#replace({ ...active, heardMs, said }, { ...run, seq: run.seq + 1 });
    await this.parts.results.tell(run, "InProgress", said);
  }

  #feed(node: NodeId, event: RunEvent): void {
    this.#lanes.enqueue(node, async () => {
      const active = this.#active.get(node);
      if (active) await this.#apply(active, event);
    });
  }

  /** Applies an event: journal, then world, then words. */
  async #apply(active: Active, event: RunEvent): Promise<void> {
    const { run } = active;
    const { log, results } = this.parts;
    const { starts } = this.parts;
    if (endsStart(run, event)) starts.ended(run.key, mayHaveStarted(event));
    const advanced = advance(run, event, this.#world(run.node, this.#issuedMs(active)));
    if (advanced === run) return;
    if (!startOf(advanced)) starts.withdraw(run.key);
    const next = advanced.phase.kind === "done" ? advanced : { ...advanced, seq: run.seq + 1 };
    failpoint("power.reported");
    await this.#saved(next);
    failpoint("power.saved");
    // Not those of `active`: the phase may have been armed afresh while it was being recorded.
    this.#active.get(run.node)?.timers.abort(PHASE_OVER);
    if (next.phase.kind === "done") {
      this.#active.delete(run.node);
      this.#last.set(run.node, next);
      this.#recent.set(run.node, { run: next, ageMs: 0, acceptedMs: active.acceptedMs });
      const { status, reasonCode, detail } = next.phase.outcome;
      for (const listener of this.#endListeners) listener(next);
      log.info(
        { node: run.node, action: run.action, commandId: run.id, status, reasonCode, detail },
        "command ended",
      );
      this.parts.changed(run.node);
      await this.#announce(next);
      failpoint("power.told-outcome");
      return;
    }
    // Waiting for an agent and for a slot is one wait.
    const goesOn = run.phase.kind.startsWith("waiting-for") && run.index === next.index;
    const adopted = this.#adopt(next, active.acceptedMs, goesOn ? active.issuedMs : undefined);
    if (adopted) this.#arm(adopted);
    this.parts.changed(run.node);
    await results.tell(run, "InProgress", describePhase(next));
  }

  /** What is owed to a command is not given up because a disk is full: it is tried until it is recorded. */
  async #saved(run: Run): Promise<void> {
    const { journal, log, clock } = this.parts;
    for (;;) {
      try {
        return await journal.save(run);
      } catch (error) {
        if (!(error instanceof StorageError) || error.code === "closed") throw error;
        log.error(
          { node: run.node, commandId: run.id, err: error },
          "a command could not be recorded; trying again",
        );
        await clock.sleep(seconds(1), this.#stopped.signal);
      }
    }
  }

  /** Terminal results are told until the broker has taken them, at the next connection if need be. */
  async #announce(run: Run): Promise<void> {
    const { journal, results, log } = this.parts;
    if (!(await results.tellOutcome(run))) return;
    journal.announced(run.key).catch((error: unknown) => {
      log.warn(
        { commandId: run.id, err: error },
        "a told result could not be marked; it will be told again",
      );
    });
  }

  #recentOf(node: NodeId, nowMs: number): Recent[] {
    const list: Recent[] = [];
    const active = this.#active.get(node);
    if (active) list.push({ run: active.run, ageMs: nowMs - active.acceptedMs });
    const ended = this.#recent.get(node);
    if (!ended) return list;
    const ageMs = nowMs - ended.acceptedMs;
    if (ageMs > JOIN_WINDOW_MS) this.#recent.delete(node);
    else list.push({ run: ended.run, ageMs });
    return list;
  }

  /** @param issuedMs when what its phase does was asked for; now, unless told otherwise */
  #adopt(run: Run, acceptedMs: number, issuedMs?: number): Active | undefined {
    if (run.phase.kind === "done") return undefined;
    const enteredMs = this.parts.clock.monotonicMs();
    const active: Active = {
      run,
      acceptedMs,
      issuedMs: issuedMs ?? enteredMs,
      enteredMs,
      heardMs: enteredMs,
      timers: new AbortController(),
    };
    this.#active.set(run.node, active);
    this.#last.set(run.node, run);
    return active;
  }

  #arm({ run, enteredMs, issuedMs, timers: { signal } }: Active): void {
    const heardMs = (): number => this.#active.get(run.node)?.heardMs ?? enteredMs;
    const start = run.phase.kind === "waiting-for-slot" ? startOf(run) : undefined;
    // Known already, but for what a former process left.
    if (start && this.parts.starts.request(start) === undefined) this.slotGranted(start);
    this.#dispatch.arm(run, { enteredMs, issuedMs, heardMs }, signal, (event) => {
      this.#lanes.enqueue(run.node, async () => {
        const active = this.#active.get(run.node);
        // A timer of a phase that has ended since means nothing.
        if (active && !signal.aborted) await this.#apply(active, event);
      });
    });
  }

  #replace(active: Active, run: Run): void {
    this.#active.set(run.node, { ...active, run });
    this.#last.set(run.node, run);
  }

  /** Starts the present phase's timers afresh, and asks the agent again where one was asked. */
  #rearm(node: NodeId): void {
    const active = this.#active.get(node);
    if (!active) return;
    active.timers.abort();
    const heardMs = this.parts.clock.monotonicMs();
    const again = { ...active, heardMs, timers: new AbortController() };
    this.#active.set(node, again);
    this.#arm(again);
  }

  /** When a rung that goes on after a wait was asked for. Undefined: now, since nothing bounds its wait. */
  #issuedMs({ run, issuedMs }: Active): number | undefined {
    return run.phase.kind === "waiting-for-slot" && isTimed(run) ? issuedMs : undefined;
  }

  /** @param issuedMs when what is made now was asked for; now, unless it is a request that has just been taken or waited */
  #world(node: NodeId, issuedMs?: number): World {
    const { nodes, clock, locks, starts } = this.parts;
    const seen = nodes.fresh(node, clock.monotonicMs());
    return {
      capabilities: nodes.capabilities(node),
      supply: seen?.supply ?? "Unknown",
      now: timestamp(clock),
      envelope: (step, run) => this.#dispatch.envelope(step, run, locks.fence(node), issuedMs),
      takeSlot: (step, run) => starts.request({ key: run.key, node, owed: step.owed }),
      barred: (run) => locks.judge(node, run.actor),
    };
  }
}

/** The start that a run waits for or makes. */
function startOf({ key, node, phase }: Run): Start | undefined {
  if (phase.kind !== "acting" && phase.kind !== "waiting-for-slot") return undefined;
  return startsSupply(phase.step) ? { key, node, owed: phase.step.owed } : undefined;
}

/** Whether a run's wait for a slot has a limit. */
function isTimed({ patience, phase }: Run): boolean {
  return patience !== "unlimited" && !("step" in phase && phase.step.owed);
}

/** Whether an event ends the start that a run makes. */
function endsStart(run: Run, event: RunEvent): boolean {
  if (run.phase.kind !== "acting" || !startOf(run)) return false;
  if (event.kind === "agent-lost-for-good") return true;
  return (
    event.kind === "report" && event.report.terminal && event.report.id === run.phase.command.id
  );
}

function mayHaveStarted(event: RunEvent): boolean {
  if (event.kind !== "report") return true;
  return event.report.status !== "Rejected" && event.report.changed !== false;
}
