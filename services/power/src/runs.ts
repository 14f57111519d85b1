import type { CommandReport } from "@outrider/contracts/agent";
import { seconds, timestamp, type Clock } from "@outrider/contracts/clock";
import type { AgentId, CommandId, NodeId } from "@outrider/contracts/ids";
import type { PowerResult } from "@outrider/contracts/power";
import type { ReasonCode } from "@outrider/contracts/reasons";
import type { ClockBeacon } from "@outrider/messaging/clock-beacon";
import type { Log } from "@outrider/messaging/log";
import type { Session } from "@outrider/messaging/session";
import { failpoint } from "@outrider/storage/failpoint";
import { StorageError } from "@outrider/storage/storage-error";
import { Acceptance, type Carrier } from "./acceptance.js";
import { ActiveRuns, type Active } from "./active-runs.js";
import type { Asking } from "./answers.js";
import type { AuditTrail } from "./audit-trail.js";
import { Dispatch } from "./dispatch.js";
import { takesDown, type Interlocks } from "./interlocks.js";
import type { Journal } from "./journal.js";
import { Lanes } from "./lanes.js";
import type { Locks } from "./locks.js";
import type { Nodes } from "./nodes.js";
import { forgetOld, recall } from "./recall.js";
import { resultOf, type Results } from "./results.js";
import { advance, hasNotBegun } from "./run.js";
import type { Run, RunEvent, World } from "./run-state.js";
import { describePhase } from "./run-words.js";
import { endsStart, isTimed, mayHaveStarted, owesStart, startBy, startOf } from "./run-start.js";
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

/** Made once: an abort without a reason makes an error with a stack each time. */
const PHASE_OVER = new Error("the phase is over");

/** Carries commands through their ladders: what a run becomes is written down first, then acted on and told. */
export class Runs implements Starters {
  readonly #active = new ActiveRuns();
  readonly #last = new Map<NodeId, Run>();
  readonly #lanes: Lanes<NodeId>;
  readonly #dispatch: Dispatch;
  readonly #acceptance: Acceptance;
  readonly #stopped = new AbortController();
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
    this.#acceptance = new Acceptance({ ...parts, carrier: this.#carrier() });
    parts.starts.follow(this);
    parts.interlocks.follow((node) => this.goesDown(node));
  }

  /** Takes up what a former process left. Before the first message. */
  async load(): Promise<void> {
    const { clock, starts } = this.parts;
    const { last, open, wasRestored } = await recall(this.parts);
    this.#wasRestored = wasRestored;
    this.#stopPruning = forgetOld(this.parts);
    for (const run of last) this.#last.set(run.node, run);
    for (const run of open) {
      this.#adopt(run, clock.monotonicMs());
      const start = startOf(run);
      if (start && run.phase.kind === "acting") starts.hold(start);
      // How long it has waited is not known, and no start is late.
      if (run.phase.kind === "waiting-for-slot" && isTimed(run))
        this.#feed(run.node, { kind: "limit-reached" });
    }
  }

  /** Whether the journal came from a backup when this process began: what it knew as open must not act again. */
  get wasRestored(): boolean {
    return this.#wasRestored;
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
    if (this.#acceptance.goesDown(node)) return true;
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

  neverFits({ key, node }: Start, why: string): void {
    this.#lanes.enqueue(node, async () => {
      const active = this.#active.ofKey(key);
      if (active?.run.phase.kind === "waiting-for-slot")
        await this.#apply(active, { kind: "never-fits", why });
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

  /** Whether the command under way on a node has yet to bring it back. */
  owesStart(node: NodeId): boolean {
    const run = this.#active.get(node)?.run;
    return run !== undefined && owesStart(run);
  }

  /** Somebody asks for an action. Every request is answered on the bus. */
  ask(asking: Asking): void {
    this.#lanes.enqueue(asking.node, () => this.#acceptance.take(asking));
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

  /** Something was seen of a node: a host that is waited for may have stopped. */
  seen(node: NodeId): void {
    if (this.#active.get(node)?.run.phase.kind !== "awaiting-halt") return;
    const { nodes, clock } = this.parts;
    const nowMs = clock.monotonicMs();
    const supply = nodes.fresh(node, nowMs)?.supply ?? "Unknown";
    const host = nodes.host(node, nowMs)?.value ?? "Unknown";
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

  #carrier(): Carrier {
    return {
      active: (node) => this.#active.get(node),
      supersede: (active, by) => this.#apply(active, { kind: "superseded", by }),
      world: (node, issuedMs) => this.#world(node, issuedMs),
      carry: (run, issuedMs) => {
        const active = this.#adopt(run, this.parts.clock.monotonicMs(), issuedMs);
        if (active) this.#arm(active);
      },
    };
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
      this.#acceptance.ended(next, active.acceptedMs);
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
      host: nodes.host(node, clock.monotonicMs())?.value ?? "Unknown",
      now: timestamp(clock),
      envelope: (step, run) => this.#dispatch.envelope(step, run, locks.fence(node), issuedMs),
      takeSlot: (step, run) => starts.request(startBy(step, run.key, node)),
      barred: (run) => locks.judge(node, run.actor),
    };
  }
}
