import type { CommandId, NodeId } from "@outrider/contracts/ids";
import type { Action, CommandStatus, Via } from "@outrider/contracts/power";
import type { ReasonCode } from "@outrider/contracts/reasons";
import type { TaskCounts, TaskState, TransitionState } from "@outrider/contracts/transition";

/** What was asked for: never changes. */
export interface Order {
  readonly id: CommandId;
  readonly action: Action;
  /** The node set as it was written. */
  readonly asked: string;
  /** The ids that it became, folded. */
  readonly nodes: string;
  readonly actor: string;
  readonly via: Via;
  readonly createdAt: string;
  readonly reason?: string | undefined;
  readonly escalate?: boolean | undefined;
  readonly expect?: "On" | "Off" | undefined;
  readonly parallel?: number | undefined;
  readonly staggerMs?: number | undefined;
  readonly deadlineMs?: number | undefined;
  readonly lock?: CommandId | undefined;
  readonly override?: boolean | undefined;
  readonly skipDrain?: boolean | undefined;
}

/** What becomes of the whole. */
export interface Head {
  readonly state: TransitionState;
  /** Rises with every change that is recorded. */
  readonly revision: number;
  readonly endedAt?: string | undefined;
  readonly abortedBy?: string | undefined;
}

/** What becomes of one node, as it is recorded. */
export interface TaskRecord {
  readonly node: NodeId;
  /** Minted with the transition: whatever happens, the node is asked under this id only. */
  readonly command: CommandId;
  readonly state: TaskState;
  readonly reasonCode?: ReasonCode | undefined;
  readonly detail?: string | undefined;
  readonly startedAt?: string | undefined;
  readonly endedAt?: string | undefined;
}

/** How a task or a command ended. */
export interface Ending {
  readonly status: Extract<TaskState, CommandStatus>;
  readonly reasonCode?: ReasonCode | undefined;
  readonly detail?: string | undefined;
}

const BRINGS_UP: ReadonlySet<Action> = new Set<Action>([
  "On",
  "PowerCycle",
  "ForceRestart",
  "GracefulRestart",
]);

/** Whether a node runs once the action has succeeded. */
export function bringsUp(action: Action): boolean {
  return BRINGS_UP.has(action);
}

const COUNTED_AS: Readonly<Record<TaskState, keyof TaskCounts>> = {
  Waiting: "waiting",
  Draining: "running",
  Running: "running",
  Succeeded: "succeeded",
  Failed: "failed",
  TimedOut: "timedOut",
  Rejected: "rejected",
  Canceled: "canceled",
  Unknown: "unknown",
};

export function countTasks(states: Iterable<readonly [TaskState, number]>): TaskCounts {
  const counts: TaskCounts = {
    waiting: 0,
    running: 0,
    succeeded: 0,
    failed: 0,
    timedOut: 0,
    rejected: 0,
    canceled: 0,
    unknown: 0,
  };
  for (const [state, number] of states) counts[COUNTED_AS[state]] += number;
  return counts;
}
