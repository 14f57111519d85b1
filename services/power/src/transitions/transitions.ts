import { hours, milliseconds, timestamp, type Clock } from "@outrider/contracts/clock";
import type { CommandId, NodeId } from "@outrider/contracts/ids";
import { isTerminal, type PowerResult, type Via } from "@outrider/contracts/power";
import type { Log } from "@outrider/messaging/log";
import { failpoint } from "@outrider/storage/failpoint";
import type { Hooks } from "../hooks/hooks.js";
import type { Run } from "../run-state.js";
import type { Commands } from "./commands.js";
import { nextTasks } from "./next-tasks.js";
import { Progress, type Task } from "./progress.js";
import { Recorder } from "./recorder.js";
import { TaskHooks } from "./task-hooks.js";
import { workOf, type Work } from "./work.js";
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

/** So many commands are looked up at once when a transition is taken up again. */
const FIND_AT_ONCE = 100;

/**
 * Carries transitions: what shall become of them is decided by `next-tasks.ts`, done through the commands on the nodes,
 * and recorded. The id of each command is recorded before it is asked for, and a command is asked for under its id
 * only, so that nothing is done twice, whenever the process dies.
 */
export class Transitions {
  readonly #works = new Map<CommandId, Work>();
  readonly #byCommand = new Map<string, { readonly work: Work; readonly position: number }>();
  readonly #stopped = new AbortController();
  readonly #recorder: Recorder;
  readonly #hooks: TaskHooks;
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
    this.#hooks = new TaskHooks(parts);
    this.#recorder = new Recorder({
      ...parts,
      stopped: this.#stopped.signal,
      ended: (work) => this.#ended(work),
    });
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
      // What the journal knows has begun, and is not given up.
      this.#awaitDeadline(work);
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
    this.#awaitDeadline(work);
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
    if (!work) return;
    await this.#recorder.recorded(work);
  }

  #adopt(progress: Progress): Work {
    const work = workOf(progress);
    this.#works.set(progress.order.id, work);
    return work;
  }

  #awaitDeadline(work: Work): void {
    const { clock } = this.parts;
    const { createdAt, deadlineMs } = work.progress.order;
    if (deadlineMs === undefined) return;
    // The calendar counts only from one process to the next.
    const goneMs = Math.max(0, clock.now().getTime() - Date.parse(createdAt));
    const leftMs = milliseconds(Math.max(0, deadlineMs - goneMs));
    this.#after(leftMs, work.over.signal, () => this.#stopWork(work, "expired", undefined));
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
    this.#recorder.changed(work);
  }

  #takeUpTask(work: Work, position: number, recorded: PowerResult): void {
    const { progress } = work;
    const task = progress.at(position);
    if (!task) return;
    this.#byCommand.set(keyOf(task), { work, position });
    progress.accepted(position, timestamp(this.parts.clock));
    if (isTerminal(recorded.status)) this.#commandEnded(work, position, endingOf(recorded));
  }

  #ended(work: Work): void {
    const { order, head, counts } = work.progress;
    this.#works.delete(order.id);
    work.over.abort();
    this.parts.log.info({ transition: order.id, state: head.state, counts }, "transition ended");
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
    for (const { task, ending } of next.refuse) this.#commandEnded(work, task.position, ending);
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
    this.#recorder.changed(work);
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
    // Were the process to die without that record, nobody would undrain what a hook had begun to drain.
    await this.#recorder.recorded(work);
    if (this.#stopped.signal.aborted) return;
    const hooks = this.parts.world.drainHooks(node);
    const { go, detail } = await this.#hooks.run(progress.order, node, "drain", hooks, signal);
    work.draining.delete(position);
    // Another process takes it up, and drains again.
    if (this.#stopped.signal.aborted) return;
    if (progress.stopped === "aborted") {
      this.#commandEnded(work, position, progress.stopEnding({ wasDrained: true }));
    } else if (go) {
      progress.drained(position, detail);
      const task = progress.at(position);
      if (task) this.#ask(work, task);
      this.#recorder.changed(work);
    } else {
      this.#commandEnded(work, position, {
        status: "Rejected",
        reasonCode: "drain-failed",
        detail: `${detail ?? ""}; the node was left up`,
      });
    }
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
    this.#recorder.changed(work);
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
    const whole = { ...ending, detail: join(task.detail, ending.detail) };
    if ((cameUp || stayedUp) && !skipDrain && this.#hooks.mayUndrain(task.node)) {
      progress.undraining(position);
      this.#detach(this.#undrain(work, task, whole));
    } else {
      progress.ended(position, whole, timestamp(this.parts.clock));
    }
    this.#recorder.changed(work);
    this.#wake(work);
  }

  async #undrain(work: Work, { node, position }: Task, ending: Ending): Promise<void> {
    const { clock, news } = this.parts;
    const { progress } = work;
    const { order } = progress;
    const detail = await this.#hooks.undrain(order, node, work.over.signal);
    if (this.#stopped.signal.aborted) return;
    if (detail !== undefined) await news.undrainFailed(node, order.id, detail);
    const whole = { ...ending, detail: join(ending.detail, detail) };
    progress.ended(position, whole, timestamp(clock));
    this.#recorder.changed(work);
    this.#wake(work);
  }

  #stopWork(work: Work, why: "aborted" | "expired", by: string | undefined): void {
    const { progress } = work;
    progress.stop(why, by, timestamp(this.parts.clock));
    for (const task of progress.waiting()) {
      this.#commandEnded(work, task.position, progress.stopEnding(task));
    }
    for (const task of progress.inFlight()) {
      if (task.stage === "going") this.#giveUp(work, task);
    }
    this.#recorder.changed(work);
  }

  /** A command that still waits is taken back; what has begun goes on. */
  #giveUp(work: Work, { node, command }: Task): void {
    const { stopped, head } = work.progress;
    if (!stopped) return;
    const by = head.abortedBy ?? "the deadline of the transition";
    this.#detach(this.parts.commands.cancelWaiting(node, command, by, stopped));
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
