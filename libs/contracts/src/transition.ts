import { IsBoolean } from "class-validator";
import {
  ActorText,
  CommandIdText,
  Id,
  Integer,
  Nested,
  NestedList,
  OneOf,
  Optional,
  Text,
  Timestamp,
} from "./decorators.js";
import type { CommandId, NodeId } from "./ids.js";
import { ACTIONS, VIAS, PowerResult, PowerSet, type Action, type Via } from "./power.js";
import { REASON_CODES, type ReasonCode } from "./reasons.js";
import { operation } from "./service-plane.js";

/** One intent over many nodes: one task per node, each task one command with its ladder. */

export const TRANSITION_STATES = ["InProgress", "Aborting", "Completed", "Aborted"] as const;
/** `Completed` and `Aborted` are final; whether all went well is in the counts. */
export type TransitionState = (typeof TRANSITION_STATES)[number];

export const TASK_STATES = [
  "Waiting",
  "Draining",
  "Running",
  "Succeeded",
  "Failed",
  "TimedOut",
  "Rejected",
  "Canceled",
  "Unknown",
] as const;
/** `Canceled`: the transition was aborted before the task had begun, or another command took its place. */
export type TaskState = (typeof TASK_STATES)[number];

export function isTaskEnded(state: TaskState): boolean {
  return state !== "Waiting" && state !== "Draining" && state !== "Running";
}

/** Bounds of the time that one task may take, in milliseconds. */
export const TASK_DEADLINE_MS = { min: 1000, max: 7 * 86_400_000 } as const;

/** What a transition is asked to do. */
export class TransitionRequest {
  /** Repeating an id repeats its transition; another request under the same id is a conflict. */
  @Optional() @CommandIdText() id?: CommandId;
  @OneOf(ACTIONS) action!: Action;
  /** Node set: `n[01-08,11]`, `@storage`, `rack=a`; `@all` only when written. */
  @Text(32_000) nodes!: string;
  @Optional() @IsBoolean() escalate?: boolean;
  /** The supply that each node must have, or its task is rejected. */
  @Optional() @OneOf(["On", "Off"]) expect?: "On" | "Off";
  /** At most this many tasks run at once, besides what the power domains allow. */
  @Optional() @Integer(1, 100_000) parallel?: number;
  /** Least time between the begin of two tasks, in milliseconds, besides the domains' spacing. */
  @Optional() @Integer(0, 3_600_000) staggerMs?: number;
  /** How long the whole may take before what has not begun is given up, in milliseconds. Default: for ever. */
  @Optional() @Integer(TASK_DEADLINE_MS.min, TASK_DEADLINE_MS.max) deadlineMs?: number;
  @Optional() @Text(500) reason?: string;
  /** Id of the lock that must stand on every node. */
  @Optional() @CommandIdText() lock?: CommandId;
  /** Act although an interlock says no. Needs a reason and a right of its own. */
  @Optional() @IsBoolean() override?: boolean;
  /** Without drain hooks. Needs a reason. */
  @Optional() @IsBoolean() skipDrain?: boolean;
}

/** How many tasks are in which state. */
export class TaskCounts {
  @Integer(0) waiting!: number;
  @Integer(0) running!: number;
  @Integer(0) succeeded!: number;
  @Integer(0) failed!: number;
  @Integer(0) timedOut!: number;
  @Integer(0) rejected!: number;
  @Integer(0) canceled!: number;
  @Integer(0) unknown!: number;
}

export class Transition {
  @CommandIdText() id!: CommandId;
  @OneOf(ACTIONS) action!: Action;
  /** As it was asked for; a long one ends with `…`. */
  @Text(32_000) asked!: string;
  /** Folded ids that it became; where there is no room for all of them it ends with `…`. */
  @Text(32_000) nodes!: string;
  @Integer(0) total!: number;
  @OneOf(TRANSITION_STATES) state!: TransitionState;
  @ActorText() actor!: string;
  @OneOf(VIAS) via!: Via;
  @Optional() @Text(500) reason?: string;
  @Timestamp() createdAt!: string;
  /** When what has not begun is given up. */
  @Optional() @Timestamp() deadlineAt?: string;
  @Optional() @Timestamp() endedAt?: string;
  /** Who aborted it. */
  @Optional() @ActorText() abortedBy?: string;
  @Nested(() => TaskCounts) counts!: TaskCounts;
  /** Rises with every change: what an ETag is made of. */
  @Integer(1) revision!: number;
}

/** What becomes of one node. */
export class TransitionTask {
  @Id() node!: NodeId;
  @OneOf(TASK_STATES) state!: TaskState;
  /** The command on the node, once there is one: its results stand on `node/<n>/power/result`. */
  @Optional() @CommandIdText() command?: CommandId;
  @Optional() @OneOf(REASON_CODES) reasonCode?: ReasonCode;
  /** A sentence that says what happened and what to do; with the end of what a failed hook said. */
  @Optional() @Text(6000) detail?: string;
  @Optional() @Timestamp() startedAt?: string;
  @Optional() @Timestamp() endedAt?: string;
}

export class TransitionRef {
  @CommandIdText() id!: CommandId;
}

export class TransitionPageRequest {
  @CommandIdText() id!: CommandId;
  /** Only tasks in these states: words of {@link TASK_STATES} with commas between them. */
  @Optional() @Text(200) states?: string;
  @Optional() @Text(200) cursor?: string;
  @Optional() @Integer(1, 200) limit?: number;
}

/** A transition with a page of its tasks, in the order of its nodes. */
export class TransitionPage {
  @Nested(() => Transition) transition!: Transition;
  @NestedList(() => TransitionTask, 200) tasks!: TransitionTask[];
  @Optional() @Text(200) next?: string;
}

export class ListTransitions {
  /** Only those that have not ended. */
  @Optional() @IsBoolean() active?: boolean;
  @Optional() @Text(200) cursor?: string;
  @Optional() @Integer(1, 100) limit?: number;
}

/** Newest first. */
export class TransitionList {
  @NestedList(() => Transition, 100) transitions!: Transition[];
  @Optional() @Text(200) next?: string;
}

/** What a transition would do to nodes that fare alike, as things stand now. */
export class PlannedGroup {
  /** Folded node ids. */
  @Text(32_000) nodes!: string;
  @Integer(1) count!: number;
  @OneOf(["act", "unchanged", "wait", "reject"]) outcome!: "act" | "unchanged" | "wait" | "reject";
  @Optional() @OneOf(REASON_CODES) reasonCode?: ReasonCode;
  /** The rungs of the ladder, or why not. */
  @Text(1000) detail!: string;
}

export class TransitionPlan {
  @Integer(0) total!: number;
  /** Least time until the last task has begun, as spacing and stagger demand, in milliseconds. */
  @Integer(0) leastMs!: number;
  @NestedList(() => PlannedGroup, 500) groups!: PlannedGroup[];
}

/** One command for one node, from somebody whom the sender has checked. */
export class NodeCommand {
  @Id() node!: NodeId;
  @Nested(() => PowerSet) set!: PowerSet;
  /** Id of the lock that must stand on the node. */
  @Optional() @CommandIdText() lock?: CommandId;
  @Optional() @IsBoolean() override?: boolean;
}

/** The first thing that is said of a command: that it was accepted, or why not. */
export class NodeCommandReply {
  @Nested(() => PowerResult) result!: PowerResult;
}

export class CommandRef {
  @Id() node!: NodeId;
  @CommandIdText() id!: CommandId;
  @ActorText() actor!: string;
}

export const createTransition = operation("power", "create-transition", {
  request: TransitionRequest,
  reply: Transition,
  summary: "Begins a transition over a node set.",
});
export const planTransition = operation("power", "plan-transition", {
  request: TransitionRequest,
  reply: TransitionPlan,
  summary: "What a transition would do, and nothing more.",
});
export const getTransition = operation("power", "get-transition", {
  request: TransitionPageRequest,
  reply: TransitionPage,
  summary: "A transition and a page of its tasks.",
});
export const listTransitions = operation("power", "list-transitions", {
  request: ListTransitions,
  reply: TransitionList,
  summary: "Transitions, newest first.",
});
export const abortTransition = operation("power", "abort-transition", {
  request: TransitionRef,
  reply: Transition,
  summary: "Begins no further task. What runs is finished, a cycle too.",
});
export const commandNode = operation("power", "command-node", {
  request: NodeCommand,
  reply: NodeCommandReply,
  summary: "Asks for an action on one node; progress stands on its power/result.",
});
export const findCommand = operation("power", "find-command", {
  request: CommandRef,
  reply: NodeCommandReply,
  summary: "What is known of a command.",
});
