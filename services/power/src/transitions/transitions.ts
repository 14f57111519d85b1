import { hours, milliseconds, seconds, timestamp, type Clock } from "@outrider/contracts/clock";
import type { CommandId, NodeId } from "@outrider/contracts/ids";
import { isTerminal, type PowerResult, type Via } from "@outrider/contracts/power";
import type { Log } from "@outrider/messaging/log";
import { failpoint } from "@outrider/storage/failpoint";
import type { Statement } from "@outrider/storage/storage";
import { isStorageError } from "@outrider/storage/storage-error";
import type { Hooks, HooksResult, RoleHook } from "../hooks/hooks.js";
import type { Run } from "../run.js";
import type { Commands } from "./commands.js";
import { nextTasks } from "./next-tasks.js";
import { Progress, type Task } from "./progress.js";
import { bringsUp, type Ending, type Head, type Order, type TaskRecord } from "./task.js";
import type { TransitionNews } from "./transition-news.js";
import type { TransitionStore } from "./transition-store.js";
import type { TransitionTrail } from "./transition-trail.js";
import type { WorldView } from "./world-view.js";

/** Crash points for fault tests, in the order of a transition's life. */
export const TRANSITION_FAILPOINTS = [
  "transition.created",
  "transition.begun",
  "transition.task-ended",
  "transition.saved",
] as const;

/** What changes within this span is recorded in one transaction, in milliseconds. */
const GATHER_MS = 50;
/** So many commands are looked up at once when a transition is taken up again. */
const FIND_AT_ONCE = 100;

interface Work {
  readonly progress: Progress;
  /** Ends what is under way for the transition: timers, its hooks when the process stops. */
  readonly over: AbortController;
  /** Ends the hook that drains a node. */
  readonly draining: Map<number, AbortController>;
  /** Ends the timer that looks again. */
  again: AbortController;
  isWoken: boolean;
  /** What is written along with the next changes. */
  records: Statement[];
  /** The recording that is under way. */
  saving: Promise<void> | undefined;
}

/**
 * Carries transitions: what shall become of them is decided by `next-tasks.ts`, done through the commands on the nodes,
 * and recorded. The id of each command is recorded before it is asked for, and a command is asked for under its id
 * only, so that nothing is done twice, whenever the process dies.
 */
export class Transitions {
  readonly #works = new Map<CommandId, Work>();
  readonly #byCommand = new Map<string, { readonly work: Work; readonly position: number }>();
  readonly #stopped = new AbortController();
  #stopPruning: (() => void) | undefined;

  constructor(
    private readonly parts: {
      readonly store: TransitionStore;
      readonly commands: Commands;
      readonly world: WorldView;
      readonly hooks: Hooks;
      readonly news: TransitionNews;
      readonly trail: TransitionTrail;
      readonly clock: Clock;
      readonly log: Log;
      /** Told of a defect, after which the process cannot go on. */
      readonly defect: (error: unknown) => void;
    },
  ) {
    parts.commands.onEnded((run) => this.#runEnded(run));
  }

  /** Takes up what a former process left. Before the first message. */
  async load(): Promise<void> {
    const { store, clock, log } = this.parts;
    await store.prune(clock.now());
    this.#stopPruning = clock.every(hours(1), () => {
      store.prune(clock.now()).catch((error: unknown) => {
        log.warn({ err: error }, "old transitions could not be forgotten; it is tried again");
      });
    });
    for (const { order, head } of await store.open()) {
      const work = this.#adopt(new Progress(order, head, await store.tasks(order.id)));
      await this.#takeUp(work);
    }
  }

  /** The broker is there: what waits may begin. */
  connected(): void {
    this.parts.world.connected();
    for (const work of this.#works.values()) this.#wake(work);
  }

  disconnected(): void {
    this.parts.world.disconnected();
  }

  async stop(): Promise<void> {
    this.#stopped.abort();
    this.#stopPruning?.();
    for (const work of this.#works.values()) work.over.abort();
    for (const { saving } of this.#works.values()) await saving;
    this.parts.news.stop();
  }

  /** Begins a transition that was recorded. */
  begin(order: Order, head: Head, tasks: readonly TaskRecord[]): void {
    const { log, news } = this.parts;
    failpoint("transition.created");
    log.info(
      { transition: order.id, action: order.action, actor: order.actor, nodes: tasks.length },
      "transition begun",
    );
    const work = this.#adopt(new Progress(order, head, tasks));
    const { counts } = work.progress;
    news.tell(order.id, { head, tasks: work.progress.tasks, counts });
    this.#wake(work);
  }

  /** Begins no further task of a transition. Resolves once that is recorded. */
  async abort(id: CommandId, by: string, via: Via): Promise<void> {
    const work = this.#works.get(id);
    if (!work) return;
    if (work.progress.stopped !== "aborted") {
      work.records.push(...this.parts.trail.aborted(work.progress.order, by, via));
    }
    this.parts.log.info({ transition: id, actor: by }, "transition aborted");
    this.#stopWork(work, "aborted", by);
    for (const draining of work.draining.values()) draining.abort();
    await this.recorded(id);
  }

  /** Resolves once all that has become of a transition until now is recorded. */
  async recorded(id: CommandId): Promise<void> {
    const work = this.#works.get(id);
    if (work) await this.#save(work, 0);
  }

  #adopt(progress: Progress): Work {
    const { clock } = this.parts;
    const work: Work = {
      progress,
      over: new AbortController(),
      draining: new Map(),
      again: new AbortController(),
      isWoken: false,
      records: [],
      saving: undefined,
    };
    const { id, createdAt, deadlineMs } = progress.order;
    this.#works.set(id, work);
    if (deadlineMs !== undefined) {
      // The calendar counts only from one process to the next.
      const goneMs = Math.max(0, clock.now().getTime() - Date.parse(createdAt));
      const leftMs = milliseconds(Math.max(0, deadlineMs - goneMs));
      this.#after(leftMs, work.over.signal, () => this.#stopWork(work, "expired", undefined));
    }
    return work;
  }

  /** What a former process asked for takes its outcome from the journal; what it did not ask for waits. */
  async #takeUp(work: Work): Promise<void> {
    const { progress } = work;
    const { actor } = progress.order;
    const waiting = [...progress.waiting()];
    for (let from = 0; from < waiting.length; from += FIND_AT_ONCE) {
      const some = waiting.slice(from, from + FIND_AT_ONCE);
      await Promise.all(
        some.map(async ({ node, command, position }) => {
          const recorded = await this.parts.commands.find(node, actor, command);
          if (recorded) this.#takeUpTask(work, position, recorded);
        }),
      );
    }
    if (progress.stopped) this.#stopWork(work, progress.stopped, undefined);
    this.#changed(work);
  }

  #takeUpTask(work: Work, position: number, recorded: PowerResult): void {
    const { progress } = work;
    const task = progress.at(position);
    if (!task) return;
    this.#byCommand.set(keyOf(task), { work, position });
    progress.accepted(position, timestamp(this.parts.clock));
    if (isTerminal(recorded.status)) this.#commandEnded(work, position, endingOf(recorded));
  }

  #wake(work: Work): void {
    if (work.isWoken || this.#stopped.signal.aborted) return;
    work.isWoken = true;
    // What happens at once is looked at once.
    queueMicrotask(() => {
      work.isWoken = false;
      this.#guard(() => this.#look(work));
    });
  }

  /** Begins what can begin now. */
  #look(work: Work): void {
    const { clock, world } = this.parts;
    const { progress } = work;
    work.again.abort();
    if (progress.isEnded || this.#stopped.signal.aborted) return;
    const nowMs = clock.monotonicMs();
    const next = nextTasks(progress, world.of(progress.order), nowMs, this.#goingElsewhere(work));
    const at = timestamp(clock);
    for (const { position } of next.hesitate) progress.hesitate(position, nowMs);
    for (const { task, ending } of next.refuse) progress.ended(task.position, ending, at);
    for (const { task, stage } of next.begin) {
      progress.begin(task.position, stage, nowMs, at);
      if (stage === "draining") this.#detach(this.#drain(work, task));
      else this.#ask(work, task);
    }
    if (next.begin.length > 0) failpoint("transition.begun");
    if (next.againMs !== undefined) {
      work.again = new AbortController();
      const signal = AbortSignal.any([work.again.signal, work.over.signal]);
      this.#after(milliseconds(next.againMs), signal, () => this.#wake(work));
    }
    this.#changed(work);
  }

  /** Nodes that other transitions take down now, or are about to. */
  #goingElsewhere(but: Work): Set<NodeId> {
    const going = new Set<NodeId>();
    for (const work of this.#works.values()) {
      if (work === but) continue;
      for (const { node, stage } of work.progress.inFlight()) {
        if (stage === "draining" || stage === "asking") going.add(node);
      }
    }
    return going;
  }

  async #drain(work: Work, { node, position }: Task): Promise<void> {
    const { progress } = work;
    const ended = new AbortController();
    work.draining.set(position, ended);
    const signal = AbortSignal.any([ended.signal, work.over.signal]);
    const hooks = this.parts.world.drainHooks(node);
    const { go, detail } = await this.#hook(progress.order, node, "drain", hooks, signal);
    work.draining.delete(position);
    // Another process takes it up, and drains again.
    if (this.#stopped.signal.aborted) return;
    if (progress.stopped === "aborted") {
      this.#commandEnded(work, position, progress.stopEnding());
    } else if (go) {
      progress.drained(position, detail);
      const task = progress.at(position);
      if (task) this.#ask(work, task);
      this.#changed(work);
    } else {
      this.#commandEnded(work, position, {
        status: "Rejected",
        reasonCode: "drain-failed",
        detail: `${detail ?? ""}; the node was left up`,
      });
    }
  }

  /** Hooks are recorded before they run. Where that cannot be, they do not run, and the node stays as it is. */
  async #hook(
    order: Order,
    node: NodeId,
    which: "drain" | "undrain",
    list: readonly RoleHook[],
    signal: AbortSignal,
  ): Promise<HooksResult> {
    const { hooks, trail, log } = this.parts;
    try {
      await trail.hooks(order, node, which, list);
    } catch (error) {
      if (!isStorageError(error)) throw error;
      const detail = `the ${which} hooks were not run, because the audit log could not be written (${error.code}); free disk space on the host of the power service`;
      return { go: false, detail };
    }
    const result = await hooks.run(list, contextOf(order, node, which), signal);
    try {
      await trail.hooksEnded(order, node, which, result);
    } catch (error) {
      if (!isStorageError(error)) throw error;
      log.warn({ node, err: error }, "how a hook ended could not be recorded in the audit log");
    }
    return result;
  }

  #ask(work: Work, task: Task): void {
    const { commands, clock } = this.parts;
    const { order } = work.progress;
    const { node, position } = task;
    this.#byCommand.set(keyOf(task), { work, position });
    commands.ask({
      node,
      set: {
        action: order.action,
        id: task.command,
        ...(order.escalate === undefined ? {} : { escalate: order.escalate }),
        ...(order.reason === undefined ? {} : { reason: order.reason }),
      },
      actor: order.actor,
      via: order.via,
      wasRetained: false,
      arrivedMs: clock.monotonicMs(),
      lock: order.lock,
      override: order.override,
      patience: "unlimited",
      transition: order.id,
      answered: (first) => this.#guard(() => this.#answered(work, position, first)),
    });
  }

  #answered(work: Work, position: number, first: PowerResult): void {
    const { progress } = work;
    if (isTerminal(first.status)) return this.#commandEnded(work, position, endingOf(first));
    progress.accepted(position, timestamp(this.parts.clock));
    const task = progress.at(position);
    if (task && progress.stopped) this.#giveUp(work, task);
    this.#changed(work);
  }

  #runEnded(run: Run): void {
    const asked = this.#byCommand.get(`${run.node} ${run.id}`);
    if (!asked || run.phase.kind !== "done") return;
    if (run.actor !== asked.work.progress.order.actor) return;
    const { outcome } = run.phase;
    this.#guard(() => this.#commandEnded(asked.work, asked.position, outcome));
  }

  /** A command has ended, or will not be asked for. Where the node is up, its hooks follow. */
  #commandEnded(work: Work, position: number, ending: Ending): void {
    const { progress } = work;
    const task = progress.at(position);
    if (!task || task.stage === "ended" || task.stage === "undraining") return;
    failpoint("transition.task-ended");
    this.#byCommand.delete(keyOf(task));
    const { action, skipDrain } = progress.order;
    const cameUp = ending.status === "Succeeded" && bringsUp(action);
    const stayedUp =
      task.wasDrained === true && (ending.status === "Rejected" || ending.status === "Canceled");
    const hooks =
      (cameUp || stayedUp) && !skipDrain ? this.parts.world.undrainHooks(task.node) : [];
    const drained = join(task.detail, ending.detail);
    if (hooks.length === 0) {
      progress.ended(position, { ...ending, detail: drained }, timestamp(this.parts.clock));
    } else {
      progress.undraining(position);
      this.#detach(this.#undrain(work, task, { ...ending, detail: drained }));
    }
    this.#changed(work);
    this.#wake(work);
  }

  async #undrain(work: Work, { node, position }: Task, ending: Ending): Promise<void> {
    const { world, clock, news } = this.parts;
    const { progress } = work;
    const { order } = progress;
    const hooks = world.undrainHooks(node);
    const { detail } = await this.#hook(order, node, "undrain", hooks, work.over.signal);
    if (this.#stopped.signal.aborted) return;
    if (detail !== undefined) await news.undrainFailed(node, order.id, detail);
    const whole = { ...ending, detail: join(ending.detail, detail) };
    progress.ended(position, whole, timestamp(clock));
    this.#changed(work);
    this.#wake(work);
  }

  #stopWork(work: Work, why: "aborted" | "expired", by: string | undefined): void {
    const { progress } = work;
    progress.stop(why, by, timestamp(this.parts.clock));
    for (const task of progress.inFlight()) {
      if (task.stage === "going") this.#giveUp(work, task);
    }
    this.#changed(work);
  }

  /** A command that still waits is taken back; what has begun goes on. */
  #giveUp(work: Work, { node, command }: Task): void {
    const { stopped, head } = work.progress;
    if (!stopped) return;
    const by = head.abortedBy ?? "the deadline of the transition";
    this.#detach(this.parts.commands.cancelWaiting(node, command, by, stopped));
  }

  #changed(work: Work): void {
    this.#detach(this.#save(work, work.progress.isEnded ? 0 : GATHER_MS));
  }

  /** Records what has changed, all of it in as few transactions as there is time for. */
  async #save(work: Work, gatherMs: number): Promise<void> {
    if (work.saving) {
      await work.saving;
      if (gatherMs > 0) return;
    }
    work.saving ??= this.#saveAll(work, gatherMs).finally(() => {
      work.saving = undefined;
    });
    await work.saving;
  }

  async #saveAll(work: Work, gatherMs: number): Promise<void> {
    const { store, news, log, clock, trail } = this.parts;
    const { order } = work.progress;
    if (gatherMs > 0) await this.#pause(gatherMs);
    for (;;) {
      const changes = work.progress.takeChanges();
      if (!changes) break;
      const { head, counts } = changes;
      const isEnd = head.endedAt !== undefined;
      const records = [
        ...work.records.splice(0),
        ...(isEnd ? trail.ended(order, head, counts) : []),
      ];
      while (!this.#stopped.signal.aborted) {
        try {
          await store.save(order.id, changes, records);
          break;
        } catch (error) {
          if (!isStorageError(error) || error.code === "closed") throw error;
          log.error(
            { transition: order.id, err: error },
            "a transition could not be recorded; trying again",
          );
          await this.#pause(seconds(1));
        }
      }
      if (this.#stopped.signal.aborted) return;
      failpoint("transition.saved");
      news.tell(order.id, changes);
      if (isEnd) {
        this.#works.delete(order.id);
        work.over.abort();
        log.info({ transition: order.id, state: head.state, counts }, "transition ended");
      } else if (gatherMs > 0) await clockPause(clock, gatherMs, this.#stopped.signal);
    }
  }

  #pause(ms: number): Promise<void> {
    return clockPause(this.parts.clock, ms, this.#stopped.signal);
  }

  #after(span: ReturnType<typeof milliseconds>, signal: AbortSignal, run: () => void): void {
    void this.parts.clock.sleep(span, signal).then(
      () => this.#guard(run),
      () => undefined,
    );
  }

  #detach(promise: Promise<unknown>): void {
    promise.catch((error: unknown) => {
      if (!this.#stopped.signal.aborted) this.parts.defect(error);
    });
  }

  #guard(run: () => void): void {
    try {
      run();
    } catch (error) {
      this.parts.defect(error);
    }
  }
}

async function clockPause(clock: Clock, ms: number, signal: AbortSignal): Promise<void> {
  // Stopping cuts a pause short, and is looked at by whoever paused.
  await clock.sleep(milliseconds(ms), signal).catch(() => undefined);
}

function keyOf({ node, command }: Task): string {
  return `${node} ${command}`;
}

function endingOf({ status, reasonCode, detail }: PowerResult): Ending {
  if (status === "Accepted" || status === "InProgress") {
    throw new TypeError("a command that goes on was taken for ended");
  }
  return { status, reasonCode, detail };
}

function join(first: string | undefined, second: string | undefined): string | undefined {
  if (first === undefined || second === undefined) return first ?? second;
  return `${first}; ${second}`;
}

function contextOf(
  { action, actor, id, reason }: Order,
  node: NodeId,
  hook: "drain" | "undrain",
): Parameters<Hooks["run"]>[1] {
  return {
    hook,
    node,
    action,
    actor,
    transition: id,
    ...(reason === undefined ? {} : { reason }),
  };
}
