import type { NodeId } from "@outrider/contracts/ids";
import type { Supply } from "@outrider/contracts/power";
import { takesDown } from "../interlocks.js";
import type { Progress, Task } from "./progress.js";
import type { Ending } from "./task.js";

/** At most so many commands are asked for of which nothing was said yet. */
export const MAX_ASKING = 64;
/** At most so many nodes are drained at once, which is a process each. */
export const MAX_DRAINING = 32;
/**
 * How long a task waits for what may not have been heard yet (a node, its agent, its supply) before what is known
 * decides. Long enough for an agent that is started again.
 */
export const PATIENCE_MS = 10_000;

/** How many commands may wait for a start in a domain, so that none of its starts is missed. */
export interface Window {
  readonly domain: string;
  readonly ahead: number;
}

/** What is known of the world, for one transition. */
export interface View {
  /** Whether anything can be asked now. */
  readonly connected: boolean;
  /** Whether the connection stands for so long that what was not heard is not there. */
  readonly settled: boolean;
  /** Where the node waits for its start; undefined where nothing holds it up. */
  window(node: NodeId): Window | undefined;
  /** Whether the task's command waits for its start. */
  awaitsStart(task: Task): boolean;
  /** Whether a command would be refused for a reason that may pass: node or agent are not there. */
  isAway(node: NodeId): boolean;
  supply(node: NodeId): Supply;
  hasDrain(node: NodeId): boolean;
  /**
   * Why the node may not go down now. `mayPass`: because others go down at this time.
   * @param going nodes that are begun but may not look so yet
   */
  interlock(
    node: NodeId,
    going: ReadonlySet<NodeId>,
  ): { readonly detail: string; readonly mayPass: boolean } | undefined;
}

export interface Next {
  readonly begin: readonly { readonly task: Task; readonly stage: "draining" | "asking" }[];
  readonly refuse: readonly { readonly task: Task; readonly ending: Ending }[];
  /** Would begin but for what may not have been heard yet. */
  readonly hesitate: readonly Task[];
  /** After which time to look again even though nothing has happened, in milliseconds. */
  readonly againMs?: number | undefined;
}

/** A domain that has fewer than these ahead goes before those that have more: its starts are the next to be missed. */
const HUNGRY = 2;
/** How long a window that is full is left alone. */
const WINDOW_POLL_MS = 250;
const HESITATION_POLL_MS = 500;
/** How often it is looked whether others have come back. */
const INTERLOCK_POLL_MS = 500;

/**
 * Which tasks begin now. Pure.
 * @param going nodes that other transitions take down at this time
 */
export function nextTasks(
  progress: Progress,
  view: View,
  nowMs: number,
  going: ReadonlySet<NodeId> = new Set(),
): Next {
  if (progress.stopped || progress.isEnded || !view.connected) {
    return { begin: [], refuse: [], hesitate: [] };
  }
  const scan = new Scan(progress, view, nowMs, going);
  const sated: Task[] = [];
  for (const task of progress.waiting()) {
    if (scan.isSated(task)) sated.push(task);
    else if (!scan.consider(task)) return scan.result();
  }
  for (const task of sated) if (!scan.consider(task)) break;
  return scan.result();
}

class Scan {
  readonly #begin: { task: Task; stage: "draining" | "asking" }[] = [];
  readonly #refuse: { task: Task; ending: Ending }[] = [];
  readonly #hesitate: Task[] = [];
  readonly #ahead = new Map<string, number>();
  readonly #going: Set<NodeId>;
  #inFlight: number;
  #asking = 0;
  #draining = 0;
  #lastBegunMs: number | undefined;
  #againMs: number | undefined;

  constructor(
    private readonly progress: Progress,
    private readonly view: View,
    private readonly nowMs: number,
    going: ReadonlySet<NodeId>,
  ) {
    this.#going = new Set(going);
    this.#inFlight = progress.inFlightCount;
    this.#lastBegunMs = progress.lastBegunMs;
    for (const task of progress.inFlight()) {
      if (task.stage === "asking") this.#asking++;
      if (task.stage === "draining") this.#draining++;
      if (task.stage !== "undraining") this.#going.add(task.node);
      const window = view.window(task.node);
      if (window && (task.stage !== "going" || view.awaitsStart(task))) this.#enter(window.domain);
    }
  }

  /** Whether the task's domain has enough ahead for the moment. */
  isSated(task: Task): boolean {
    const window = this.view.window(task.node);
    return window !== undefined && (this.#ahead.get(window.domain) ?? 0) >= HUNGRY;
  }

  /** @returns whether a further task could begin */
  consider(task: Task): boolean {
    const { order } = this.progress;
    if (this.#inFlight >= (order.parallel ?? Infinity) || this.#asking >= MAX_ASKING) return false;
    const restMs = (this.#lastBegunMs ?? -Infinity) + (order.staggerMs ?? 0) - this.nowMs;
    if (restMs > 0) {
      this.#again(restMs);
      return false;
    }
    const window = this.view.window(task.node);
    if (window && (this.#ahead.get(window.domain) ?? 0) >= window.ahead) {
      this.#again(WINDOW_POLL_MS);
      return true;
    }
    const drains = !order.skipDrain && takesDown(order.action) && this.view.hasDrain(task.node);
    if (drains && this.#draining >= MAX_DRAINING) return true;
    if (!this.#isClear(task)) return true;
    this.#inFlight++;
    if (drains) this.#draining++;
    else this.#asking++;
    if (window) this.#enter(window.domain);
    this.#going.add(task.node);
    this.#lastBegunMs = this.nowMs;
    this.#begin.push({ task, stage: drains ? "draining" : "asking" });
    return true;
  }

  result(): Next {
    return {
      begin: this.#begin,
      refuse: this.#refuse,
      hesitate: this.#hesitate,
      againMs: this.#againMs,
    };
  }

  /** Whether nothing stands against the task. Where something does, what becomes of the task is noted. */
  #isClear(task: Task): boolean {
    const { order } = this.progress;
    // Where the patience is at its end the command is asked for all the same: its refusal has the sentence.
    if (this.view.isAway(task.node)) return this.#isPatienceOver(task);
    if (order.expect !== undefined) {
      const supply = this.view.supply(task.node);
      if (supply === "Unknown" && !this.#isPatienceOver(task)) return false;
      if (supply !== order.expect) {
        return this.#refused(task, {
          status: "Rejected",
          reasonCode: "expectation-failed",
          detail: `the supply was expected to be ${order.expect} and is ${supply === "Unknown" ? "not known" : supply}; ${task.wasDrained ? "its drain hooks may have run, and the node was left as it is" : "nothing was done"}`,
        });
      }
    }
    if (!takesDown(order.action) || order.override) return true;
    const interlock = this.view.interlock(task.node, this.#going);
    if (!interlock) return true;
    if (interlock.mayPass) {
      this.#again(INTERLOCK_POLL_MS);
      return false;
    }
    // One that came back a moment ago may not have been seen yet.
    const isCertain = this.view.settled && this.progress.counts.succeeded === 0;
    if (!isCertain && !this.#isPatienceOver(task)) return false;
    return this.#refused(task, {
      status: "Rejected",
      reasonCode: "interlocked",
      detail: interlock.detail,
    });
  }

  #isPatienceOver(task: Task): boolean {
    const sinceMs = task.hesitatesSinceMs;
    if (sinceMs === undefined) this.#hesitate.push(task);
    else if (this.nowMs - sinceMs >= PATIENCE_MS) return true;
    this.#again(HESITATION_POLL_MS);
    return false;
  }

  #refused(task: Task, ending: Ending): false {
    this.#refuse.push({ task, ending });
    return false;
  }

  #enter(domain: string): void {
    this.#ahead.set(domain, (this.#ahead.get(domain) ?? 0) + 1);
  }

  #again(afterMs: number): void {
    this.#againMs = Math.min(this.#againMs ?? Infinity, afterMs);
  }
}
