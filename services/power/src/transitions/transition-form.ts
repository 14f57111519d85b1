import type { Transition, TransitionTask } from "@outrider/contracts/transition";
import type { TaskRecord } from "./task.js";
import type { Stored } from "./transition-store.js";

/** Node sets of one transition in an answer have this much room each, in characters: an answer is one message. */
const MAX_SET = 8000;

/** A transition as it stands on the wire. */
export function transitionForm({ order, head, total, counts }: Stored): Transition {
  const { id, action, asked, nodes, actor, via, reason, createdAt, deadlineMs } = order;
  const { state, revision, endedAt, abortedBy } = head;
  return {
    id,
    action,
    asked: cutFolded(asked, MAX_SET),
    nodes: cutFolded(nodes, MAX_SET),
    total,
    state,
    actor,
    via,
    ...(reason === undefined ? {} : { reason }),
    createdAt,
    ...(deadlineMs === undefined
      ? {}
      : { deadlineAt: new Date(Date.parse(createdAt) + deadlineMs).toISOString() }),
    ...(endedAt === undefined ? {} : { endedAt }),
    ...(abortedBy === undefined ? {} : { abortedBy }),
    counts,
    revision,
  };
}

export function taskForm(task: TaskRecord): TransitionTask {
  const { node, state, command, reasonCode, detail, startedAt, endedAt } = task;
  return {
    node,
    state,
    ...(startedAt === undefined ? {} : { command }),
    ...(reasonCode === undefined ? {} : { reasonCode }),
    ...(detail === undefined ? {} : { detail }),
    ...(startedAt === undefined ? {} : { startedAt }),
    ...(endedAt === undefined ? {} : { endedAt }),
  };
}

/** A folded set that is too long ends with `…`; the tasks have all of its nodes. */
export function cutFolded(folded: string, room: number): string {
  if (folded.length <= room) return folded;
  const end = folded.lastIndexOf(",", room - 1);
  return `${folded.slice(0, end === -1 ? room - 1 : end)},…`;
}

/** As many of the first as fit into an answer of so many bytes; at least one. */
export function fitting<T>(items: readonly T[], bytes: number): T[] {
  const fit: T[] = [];
  let left = bytes;
  for (const item of items) {
    left -= Buffer.byteLength(JSON.stringify(item)) + 1;
    if (left < 0 && fit.length > 0) break;
    fit.push(item);
  }
  return fit;
}
