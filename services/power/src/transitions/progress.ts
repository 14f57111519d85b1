import type { NodeId } from "@outrider/contracts/ids";
import { takesDown } from "../interlocks.js";
import { isTaskEnded, type TaskCounts, type TaskState } from "@outrider/contracts/transition";
import { countTasks, type Ending, type Head, type Order, type TaskRecord } from "./task.js";

/**
 * What the service does for a task now. `asking`: the command was asked for and nothing was said of it yet; `going`: it
 * was accepted; `undraining`: it has ended, and the node's hooks are told that it is back.
 */
export type Stage = "waiting" | "draining" | "asking" | "going" | "undraining" | "ended";

export interface Task extends TaskRecord {
  readonly position: number;
  readonly stage: Stage;
  /** Since when it would begin but for something that may not have been heard yet, by our monotonic clock. */
  readonly hesitatesSinceMs?: number | undefined;
  /** Whether its drain hooks were begun, or may have been by a former process. */
  readonly wasDrained?: boolean | undefined;
}

/** What is told of a task, in characters: the end of a hook's output has room in it. */
const MAX_TASK_DETAIL = 6000;

/** What is to be recorded at once. */
export interface Changes {
  readonly head: Head;
  readonly tasks: readonly Task[];
  readonly counts: TaskCounts;
}

export type Stop = "aborted" | "expired";

/**
 * A transition and how far each of its tasks has come. Deterministic and without input or output: what happens is told
 * to it, and `next-tasks.ts` says from it what shall happen.
 */
export class Progress {
  readonly #tasks: Task[];
  readonly #waiting = new Map<number, Task>();
  readonly #inFlight = new Map<number, Task>();
  readonly #states = new Map<TaskState, number>();
  readonly #positions = new Map<NodeId, number>();
  /** Tasks that have changed since they were last taken. */
  #changed = new Set<number>();
  #head: Head;
  #isHeadChanged = false;
  #stop: Stop | undefined;
  /** When a task was begun last, by our monotonic clock. */
  lastBegunMs: number | undefined;

  constructor(
    readonly order: Order,
    head: Head,
    tasks: readonly TaskRecord[],
  ) {
    this.#head = head;
    this.#stop = head.state === "Aborting" ? "aborted" : undefined;
    this.#tasks = tasks.map((record, position): Task => {
      if (isTaskEnded(record.state)) return { ...record, position, stage: "ended" };
      const wasBegun = record.state !== "Waiting";
      // What a former process had begun waits again, until the journal says more.
      if (wasBegun) this.#changed.add(position);
      const { node, command } = record;
      const wasDrained = wasBegun && takesDown(order.action) && order.skipDrain !== true;
      return { node, command, position, stage: "waiting", state: "Waiting", wasDrained };
    });
    for (const task of this.#tasks) {
      this.#states.set(task.state, (this.#states.get(task.state) ?? 0) + 1);
      this.#positions.set(task.node, task.position);
      if (task.stage === "waiting") this.#waiting.set(task.position, task);
    }
  }

  get head(): Head {
    return this.#head;
  }

  get tasks(): readonly Task[] {
    return this.#tasks;
  }

  /** In the order of the nodes. */
  waiting(): Iterable<Task> {
    return this.#waiting.values();
  }

  /** Tasks that were begun and have not ended, in the order of their begin. */
  inFlight(): Iterable<Task> {
    return this.#inFlight.values();
  }

  get inFlightCount(): number {
    return this.#inFlight.size;
  }

  get counts(): TaskCounts {
    return countTasks(this.#states);
  }

  /** Why no further task is begun. */
  get stopped(): Stop | undefined {
    return this.#stop;
  }

  get isEnded(): boolean {
    return this.#head.endedAt !== undefined;
  }

  taskOf(node: NodeId): Task | undefined {
    const position = this.#positions.get(node);
    return position === undefined ? undefined : this.#tasks[position];
  }

  at(position: number): Task | undefined {
    return this.#tasks[position];
  }

  hesitate(position: number, sinceMs: number): void {
    const task = this.#tasks[position];
    if (task?.stage !== "waiting" || task.hesitatesSinceMs !== undefined) return;
    const next = { ...task, hesitatesSinceMs: sinceMs };
    this.#tasks[position] = next;
    this.#waiting.set(position, next);
  }

  /** A task begins: with its hooks, or with its command at once. */
  begin(position: number, stage: "draining" | "asking", nowMs: number, at: string): void {
    this.lastBegunMs = nowMs;
    this.#become(position, {
      stage,
      state: stage === "draining" ? "Draining" : "Running",
      startedAt: at,
      ...(stage === "draining" ? { wasDrained: true } : {}),
    });
  }

  /** The hooks are through. */
  drained(position: number, detail: string | undefined): void {
    if (this.#tasks[position]?.stage !== "draining") return;
    this.#become(position, { stage: "asking", state: "Running", detail });
  }

  /** The command was accepted, now or by a former process. */
  accepted(position: number, at: string): void {
    const task = this.#tasks[position];
    if (!task || (task.stage !== "waiting" && task.stage !== "asking")) return;
    this.#become(position, { stage: "going", state: "Running", startedAt: task.startedAt ?? at });
  }

  /** The command has ended, and hooks follow. */
  undraining(position: number): void {
    if (this.#tasks[position]?.stage === "ended") return;
    this.#become(position, { stage: "undraining", state: "Running" });
  }

  ended(position: number, { status, reasonCode, detail }: Ending, at: string): void {
    if (this.#tasks[position]?.stage === "ended") return;
    this.#become(position, {
      stage: "ended",
      state: status,
      reasonCode,
      detail: detail?.slice(0, MAX_TASK_DETAIL),
      endedAt: at,
    });
    this.#settle(at);
  }

  /**
   * Begins no further task, and ends those that were not begun. What was drained already goes on waiting: whoever calls
   * ends it, once its node was told that it stays. Repeating it changes nothing.
   */
  stop(why: Stop, by: string | undefined, at: string): void {
    if (this.isEnded) return;
    if (this.#stop !== "aborted" && this.#stop !== why) {
      this.#stop = why;
      if (why === "aborted") {
        this.#head = { ...this.#head, state: "Aborting", abortedBy: by };
        this.#isHeadChanged = true;
      }
    }
    for (const task of this.#waiting.values()) {
      if (!task.wasDrained) this.ended(task.position, this.stopEnding(task), at);
    }
    this.#settle(at);
  }

  /** How a task ends that is not begun any more. */
  stopEnding({ wasDrained }: Pick<Task, "wasDrained">): Ending {
    const what = wasDrained
      ? "the node was acted upon; its drain hooks may have run, and the node was left as it is"
      : "this had begun; nothing was done";
    if (this.#stop === "expired") {
      return {
        status: "Canceled",
        reasonCode: "expired",
        detail: `the deadline of the transition came before ${what}`,
      };
    }
    const { abortedBy } = this.#head;
    const by = abortedBy === undefined ? "" : ` by ${abortedBy}`;
    return {
      status: "Canceled",
      reasonCode: "aborted",
      detail: `the transition was aborted${by} before ${what}`,
    };
  }

  /**
   * What has changed since this was last asked, as it is to be recorded. Undefined: nothing has.
   * The revision rises with each of them.
   */
  takeChanges(): Changes | undefined {
    if (this.#changed.size === 0 && !this.#isHeadChanged) return undefined;
    const tasks: Task[] = [];
    for (const position of this.#changed) {
      const task = this.#tasks[position];
      if (task) tasks.push(task);
    }
    this.#changed = new Set();
    this.#isHeadChanged = false;
    this.#head = { ...this.#head, revision: this.#head.revision + 1 };
    return { head: this.#head, tasks, counts: this.counts };
  }

  /** Ends the whole when nothing is left to be done. */
  #settle(at: string): void {
    if (this.isEnded || this.#waiting.size > 0 || this.#inFlight.size > 0) return;
    const state = this.#stop === "aborted" ? "Aborted" : "Completed";
    this.#head = { ...this.#head, state, endedAt: at };
    this.#isHeadChanged = true;
  }

  #become(position: number, change: Partial<Task>): void {
    const before = this.#tasks[position];
    if (!before) throw new TypeError("a task that the transition does not have");
    const task: Task = { ...before, ...change };
    this.#tasks[position] = task;
    this.#states.set(before.state, (this.#states.get(before.state) ?? 0) - 1);
    this.#states.set(task.state, (this.#states.get(task.state) ?? 0) + 1);
    if (task.stage !== "waiting") this.#waiting.delete(position);
    if (task.stage === "ended") this.#inFlight.delete(position);
    else if (task.stage !== "waiting") this.#inFlight.set(position, task);
    this.#changed.add(position);
  }
}
