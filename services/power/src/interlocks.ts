import { Inject, Injectable } from "@nestjs/common";
import type { Clock } from "@outrider/contracts/clock";
import type { RolePolicy } from "@outrider/contracts/fleet";
import type { NodeId } from "@outrider/contracts/ids";
import type { Action } from "@outrider/contracts/power";
import { CLOCK } from "@outrider/service-kit/tokens";
import { Nodes } from "./nodes.js";
import { Policies } from "./policies.js";

/** Actions after which a host may be down, for a while or for good. */
const TAKES_DOWN: readonly Action[] = [
  "ForceOff",
  "GracefulShutdown",
  "GracefulRestart",
  "ForceRestart",
  "PowerCycle",
  "PushPowerButton",
  "Nmi",
];

/** Whether an action takes a running host down, if only for a moment. */
export function takesDown(action: Action): boolean {
  return TAKES_DOWN.includes(action);
}

/** A role with an interlock, and its nodes as they are now. */
export interface RoleNow {
  readonly role: string;
  readonly policy: RolePolicy;
  readonly others: Iterable<NodeId>;
}

/** Why an interlock says no. */
export interface Barred {
  readonly role: string;
  readonly keepRunning: number;
  /** How many other nodes of the role are known to run and do not go down now. */
  readonly left: number;
  /** Nodes of the role that are down only because something is under way: waiting for them may help. */
  readonly inFlight: readonly NodeId[];
  readonly detail: string;
}

/**
 * Whether an interlock forbids taking a node down: its role would be left with fewer than it must keep. Pure.
 * @param runs whether a node is known to run: a fresh supply `On`, and no halted host
 * @param goesDown whether something that takes it down is under way on a node
 */
export function judgeInterlock(
  node: NodeId,
  roles: Iterable<RoleNow>,
  runs: (node: NodeId) => boolean,
  goesDown: (node: NodeId) => boolean,
): Barred | undefined {
  for (const { role, policy, others } of roles) {
    if (policy.interlock !== "last-in-role") continue;
    let left = 0;
    const inFlight: NodeId[] = [];
    for (const other of others) {
      if (other === node) continue;
      if (goesDown(other)) inFlight.push(other);
      else if (runs(other)) left++;
      if (left >= policy.keepRunning) break;
    }
    if (left >= policy.keepRunning) continue;
    const { keepRunning } = policy;
    const more =
      inFlight.length === 0
        ? ""
        : `, and ${inFlight.slice(0, 5).join(", ")} ${inFlight.length === 1 ? "is" : "are"} going down`;
    const detail = `role ${role} must keep ${keepRunning} running: besides ${node}, ${left} of its nodes ${left === 1 ? "is" : "are"} known to run${more}. Bring another one up first, or override with a reason`;
    return { role, keepRunning, left, inFlight, detail };
  }
  return undefined;
}

/** Judges interlocks by what is known now. */
@Injectable()
export class Interlocks {
  #goesDown: (node: NodeId) => boolean = () => false;

  constructor(
    @Inject(CLOCK) private readonly clock: Clock,
    @Inject(Nodes) private readonly nodes: Nodes,
    @Inject(Policies) private readonly policies: Policies,
  ) {}

  /** @param goesDown whether a command that takes a node down is under way */
  follow(goesDown: (node: NodeId) => boolean): void {
    this.#goesDown = goesDown;
  }

  /**
   * Whether an interlock forbids an action on a node now.
   * @param alsoDown nodes that go down for a reason that no command shows yet, as tasks that have begun to drain
   */
  judge(
    node: NodeId,
    action: Action,
    alsoDown: (node: NodeId) => boolean = () => false,
  ): Barred | undefined {
    const { nodes, policies } = this;
    if (!takesDown(action)) return undefined;
    const declared = nodes.description(node)?.roles ?? [];
    if (!declared.some((role) => policies.roleOf(role)?.interlock)) return undefined;
    const atMs = this.clock.monotonicMs();
    const seen = nodes.fresh(node, atMs);
    // What is known to be down already cannot be taken from its role.
    if (seen?.supply === "Off" || nodes.host(node, atMs)?.value === "Halted") return undefined;
    const roles: RoleNow[] = [];
    for (const role of declared) {
      const policy = policies.roleOf(role);
      if (policy) roles.push({ role, policy, others: nodes.ofRole(role) });
    }
    return judgeInterlock(
      node,
      roles,
      (other) =>
        nodes.fresh(other, atMs)?.supply === "On" && nodes.host(other, atMs)?.value !== "Halted",
      (other) => this.#goesDown(other) || alsoDown(other),
    );
  }
}
