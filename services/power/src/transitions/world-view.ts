import type { Clock } from "@outrider/contracts/clock";
import type { NodeId } from "@outrider/contracts/ids";
import type { Action } from "@outrider/contracts/power";
import { hooksOf, type RoleHook } from "../hooks/hooks.js";
import type { Interlocks } from "../interlocks.js";
import type { Nodes } from "../nodes.js";
import type { Policies } from "../policies.js";
import type { Run } from "../run-state.js";
import { PATIENCE_MS, type View, type Window } from "./next-tasks.js";
import type { Task } from "./progress.js";
import { bringsUp, type Order } from "./task.js";

/** Commands that wait for a start besides those that start now. */
const WAITING_AHEAD = 8;
/** Where only concurrency or watts limit a domain. */
const WAITING_UNSPACED = 64;
/** How far ahead of their starts commands are asked for, in milliseconds. */
const LOOK_AHEAD_MS = 1000;
/** What a host that is told to restart usually takes until its supply is wanted again, in milliseconds. */
const HALT_MS = 30_000;

/** What the service knows of the world, as transitions look at it. */
export class WorldView {
  #connectedSinceMs: number | undefined;

  constructor(
    private readonly parts: {
      readonly clock: Clock;
      readonly nodes: Nodes;
      readonly policies: Policies;
      readonly interlocks: Interlocks;
      readonly last: (node: NodeId) => Run | undefined;
    },
  ) {}

  connected(): void {
    this.#connectedSinceMs = this.parts.clock.monotonicMs();
  }

  disconnected(): void {
    this.#connectedSinceMs = undefined;
  }

  drainHooks(node: NodeId): RoleHook[] {
    return this.#hooks(node, "drain");
  }

  undrainHooks(node: NodeId): RoleHook[] {
    return this.#hooks(node, "undrain");
  }

  /**
   * Whether what is declared of a node's hooks has been heard, or would have been by now. Until then, as at the start of
   * the service, a node without hooks cannot be told from one whose hooks are not known yet.
   */
  knowsHooks(node: NodeId): boolean {
    const { nodes, policies } = this.parts;
    if (policies.current !== undefined && nodes.description(node) !== undefined) return true;
    return this.#isSettled();
  }

  /** The view for one transition, as things stand now. */
  of(order: Pick<Order, "action">): View {
    const { clock, nodes, policies, interlocks } = this.parts;
    const { action } = order;
    const nowMs = clock.monotonicMs();
    const sinceMs = this.#connectedSinceMs;
    const settled = this.#isSettled();
    const isRestart = action === "GracefulRestart";
    return {
      // What inventory declares comes with the first messages of a connection; without it no limit would be known.
      connected: sinceMs !== undefined && (settled || policies.current !== undefined),
      settled,
      window: (node) => this.#window(node, action),
      awaitsStart: ({ node, command }: Task) => {
        const run = this.parts.last(node);
        if (run?.id !== command) return false;
        const { phase } = run;
        if (isRestart) return !(phase.kind === "acting" && phase.step.owed);
        return phase.kind === "waiting-for-slot";
      },
      isAway: (node) => {
        const known = nodes.known(node, nowMs);
        const code = known?.trouble?.reasonCode;
        return !known || code === "agent-away" || code === "unknown-endpoint";
      },
      supply: (node) => nodes.fresh(node, nowMs)?.supply ?? "Unknown",
      hasDrain: (node) => !this.#isDown(node, action) && this.drainHooks(node).length > 0,
      interlock: (node, going) => {
        const barred = interlocks.judge(node, action, (other) => going.has(other));
        return barred && { detail: barred.detail, mayPass: barred.inFlight.length > 0 };
      },
    };
  }

  /** Whether the connection stands for so long that what was not heard is not there. */
  #isSettled(): boolean {
    const sinceMs = this.#connectedSinceMs;
    return sinceMs !== undefined && this.parts.clock.monotonicMs() - sinceMs >= PATIENCE_MS;
  }

  /** Whether nothing runs on the node that could be drained. */
  #isDown(node: NodeId, action: Action): boolean {
    const { nodes, clock } = this.parts;
    const nowMs = clock.monotonicMs();
    if (nodes.fresh(node, nowMs)?.supply === "Off") return true;
    // A button wakes a halted host, and no more.
    return nodes.host(node, nowMs)?.value === "Halted" && action !== "Nmi";
  }

  #hooks(node: NodeId, which: "drain" | "undrain"): RoleHook[] {
    const roles = this.parts.nodes.description(node)?.roles ?? [];
    return hooksOf(roles, (role) => this.parts.policies.roleOf(role), which);
  }

  #window(node: NodeId, action: Action): Window | undefined {
    if (!bringsUp(action)) return undefined;
    const of = this.parts.policies.domainOf(node);
    if (!of) return undefined;
    const { startSpacingMs, concurrentStarts = WAITING_UNSPACED } = of.domain;
    const isSpaced = startSpacingMs > 0;
    const aheadMs = LOOK_AHEAD_MS + (action === "GracefulRestart" ? HALT_MS : 0);
    const starting = isSpaced ? Math.ceil(aheadMs / startSpacingMs) : concurrentStarts;
    return { domain: of.id, ahead: starting + WAITING_AHEAD };
  }
}
