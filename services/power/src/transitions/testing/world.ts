import { commandId, nodeId, type NodeId } from "@outrider/contracts/ids";
import type { Supply } from "@outrider/contracts/power";
import type { View, Window } from "../next-tasks.js";
import type { Order, TaskRecord } from "../task.js";

/** A world for tests of the pure parts: everything is as it is set. */
export class FakeWorld implements View {
  connected = true;
  settled = true;
  readonly away = new Set<NodeId>();
  readonly supplies = new Map<NodeId, Supply>();
  readonly drains = new Set<NodeId>();
  readonly windows = new Map<NodeId, Window>();
  /** Commands that wait for their start. */
  readonly queued = new Set<NodeId>();
  interlocked: View["interlock"] = () => undefined;

  window(node: NodeId): Window | undefined {
    return this.windows.get(node);
  }

  awaitsStart({ node }: { readonly node: NodeId }): boolean {
    return this.queued.has(node);
  }

  isAway(node: NodeId): boolean {
    return this.away.has(node);
  }

  supply(node: NodeId): Supply {
    return this.supplies.get(node) ?? "On";
  }

  hasDrain(node: NodeId): boolean {
    return this.drains.has(node);
  }

  interlock(node: NodeId, going: ReadonlySet<NodeId>): ReturnType<View["interlock"]> {
    return this.interlocked(node, going);
  }
}

export const AT = "2026-11-23T00:00:00.000Z";

export function orderOf(rest: Partial<Order> = {}): Order {
  return {
    id: commandId("t1"),
    action: "PowerCycle",
    asked: "@all",
    nodes: "n[1-9]",
    actor: "user:anna",
    via: "rest",
    createdAt: AT,
    ...rest,
  };
}

export function tasksOf(count: number): TaskRecord[] {
  return Array.from({ length: count }, (_, index) => ({
    node: nodeId(`n${index + 1}`),
    command: commandId(`c${index + 1}`),
    state: "Waiting",
  }));
}
