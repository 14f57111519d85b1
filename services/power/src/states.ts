import { Inject, Injectable } from "@nestjs/common";
import type { Observation } from "@outrider/contracts/agent";
import { seconds, timestamp, type Clock } from "@outrider/contracts/clock";
import type { AgentId, NodeId } from "@outrider/contracts/ids";
import {
  isTerminal,
  powerState,
  type Action,
  type CommandStatus,
  type PowerState,
} from "@outrider/contracts/power";
import { Session } from "@outrider/messaging/session";
import { CLOCK } from "@outrider/service-kit/tokens";
import type { HostSeen } from "./console-evidence.js";
import { Nodes } from "./nodes.js";
import type { Run } from "./run-state.js";

/** Where nothing was ever seen, an answer is expected within this span. */
const UNSEEN_STALE_MS = 15_000;
const SWEEP = seconds(1);
/** A reason in an agent's description may be longer than the state has room for. */
const LONGEST_PROBLEM = 500;

/** What a command wants of the supply in the end. */
const TARGETS: Readonly<Partial<Record<Action, "On" | "Off">>> = {
  On: "On",
  ForceOff: "Off",
  PowerCycle: "On",
  ForceRestart: "On",
  GracefulRestart: "On",
};

interface Published {
  /** Until when what was published is fresh, by our monotonic clock. */
  readonly freshUntilMs: number;
  readonly stale: boolean;
  /** What was said of the host. */
  readonly host: HostSeen | undefined;
}

/** Publishes the state of every node: what was measured, how, and how old it may become. */
@Injectable()
export class States {
  readonly #published = new Map<NodeId, Published>();
  /** Since when nothing is known of a node. */
  readonly #unknownSince = new Map<NodeId, string>();
  #lastOf: (node: NodeId) => Run | undefined = () => undefined;
  #stopSweep: (() => void) | undefined;

  constructor(
    @Inject(Session) private readonly session: Session,
    @Inject(CLOCK) private readonly clock: Clock,
    @Inject(Nodes) private readonly nodes: Nodes,
  ) {}

  /** @param lastOf the newest command of a node */
  start(lastOf: (node: NodeId) => Run | undefined): void {
    this.#lastOf = lastOf;
    this.#stopSweep = this.clock.every(SWEEP, () => this.#sweep());
  }

  stop(): void {
    this.#stopSweep?.();
  }

  publish(node: NodeId): void {
    const description = this.nodes.description(node);
    if (!description) return;
    const nowMs = this.clock.monotonicMs();
    const seen = this.nodes.fresh(node, nowMs);
    const now = timestamp(this.clock);
    const staleAfterMs = seen?.staleAfterMs ?? UNSEEN_STALE_MS;
    const host = this.nodes.host(node, nowMs);
    const hostStaleMs = host?.evidence === "Console" ? host.staleAfterMs : staleAfterMs;
    this.#published.set(node, {
      freshUntilMs: nowMs + Math.min(staleAfterMs, hostStaleMs),
      stale: !seen,
      host,
    });
    const unknown = {
      value: "Unknown",
      evidence: "Assumed",
      since: this.#sinceUnknown(node, seen !== undefined, now),
      observedAt: now,
      staleAfterMs,
    } as const;
    const state: PowerState = {
      supply: seen
        ? {
            value: seen.supply,
            evidence: seen.supplyEvidence,
            since: seen.supplySince,
            observedAt: seen.observedAt,
            staleAfterMs,
          }
        : unknown,
      host: host ?? unknown,
      ...this.#commandOf(node),
      ...(seen?.fault === undefined ? {} : { fault: seen.fault }),
      ...this.#problemOf(node, seen),
    };
    this.session.retain(powerState, { node }, state);
  }

  /** A console was heard of. What it shows is told where it is what is known of the host, and not with each line of it. */
  consoleSeen(node: NodeId): void {
    const before = this.#published.get(node)?.host;
    const host = this.nodes.host(node, this.clock.monotonicMs());
    if (host?.evidence !== "Console" && before?.evidence !== "Console") return;
    const isNews =
      host?.value !== before?.value ||
      host?.since !== before?.since ||
      host?.evidence !== before?.evidence;
    if (isNews || (host && before && ageOf(host, before) > host.staleAfterMs / 4))
      this.publish(node);
  }

  publishAll(agent: AgentId): void {
    for (const node of this.nodes.ofAgent(agent)) {
      if (this.nodes.binding(node, "power")?.agent === agent) this.publish(node);
    }
  }

  clear(node: NodeId): void {
    this.#published.delete(node);
    this.#unknownSince.delete(node);
    this.session.retain(powerState, { node }, undefined);
  }

  /** What was fresh and is not any more becomes Unknown; what is Unknown is repeated within its span. */
  #sweep(): void {
    const nowMs = this.clock.monotonicMs();
    for (const [node, { freshUntilMs, stale }] of this.#published) {
      const repeatEarly = stale ? (UNSEEN_STALE_MS * 2) / 3 : 0;
      if (nowMs > freshUntilMs - repeatEarly) this.publish(node);
    }
  }

  #sinceUnknown(node: NodeId, known: boolean, now: string): string {
    if (known) this.#unknownSince.delete(node);
    else if (!this.#unknownSince.has(node)) this.#unknownSince.set(node, now);
    return this.#unknownSince.get(node) ?? now;
  }

  /** As its device says, or why there is nothing that could say it although its agent is there. */
  #problemOf(node: NodeId, seen: Observation | undefined): Pick<PowerState, "problem"> {
    const trouble = this.nodes.trouble(node, "power");
    const failed = trouble?.reasonCode === "endpoint-failed" ? trouble.detail : undefined;
    const problem = failed ?? seen?.problem;
    return problem === undefined ? {} : { problem: problem.slice(0, LONGEST_PROBLEM) };
  }

  #commandOf(node: NodeId): Pick<PowerState, "target" | "lastCommand"> {
    const run = this.#lastOf(node);
    if (!run) return {};
    const { id, action, phase } = run;
    const status: CommandStatus = phase.kind === "done" ? phase.outcome.status : "InProgress";
    const target = TARGETS[action];
    const wanted =
      target !== undefined && (!isTerminal(status) || status === "Succeeded") ? { target } : {};
    return { ...wanted, lastCommand: { id, action, status } };
  }
}

/** How much later one thing was observed than another, in milliseconds. */
function ageOf(later: HostSeen, earlier: HostSeen): number {
  return Date.parse(later.observedAt) - Date.parse(earlier.observedAt);
}
