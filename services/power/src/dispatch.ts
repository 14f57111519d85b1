import { AGENT_PROTOCOL, agentCommand, type AgentCommand } from "@outrider/contracts/agent";
import {
  milliseconds,
  minutes,
  seconds,
  timestamp,
  type Clock,
  type Duration,
} from "@outrider/contracts/clock";
import type { ActStep } from "@outrider/contracts/ladder";
import type { AgentId } from "@outrider/contracts/ids";
import type { InterfaceBinding } from "@outrider/contracts/node";
import type { ClockBeacon } from "@outrider/messaging/clock-beacon";
import { MessagingError } from "@outrider/messaging/errors";
import type { Log } from "@outrider/messaging/log";
import { mintCommandId } from "@outrider/messaging/mint-id";
import type { Session } from "@outrider/messaging/session";
import { failpoint } from "@outrider/storage/failpoint";
import type { Nodes } from "./nodes.js";
import type { Run, RunEvent } from "./run-state.js";
import { haltWaitMs } from "./run-halt.js";

/** While an agent says nothing, it is asked again this often. */
const PROBE_EVERY = seconds(5);
/** After an agent went away in the middle, this long is waited for its word. */
const AGENT_GRACE = seconds(30);
/** An owed rung that its agent took along when it went away holds its start slot for this long. */
const OWED_GRACE = minutes(10);
/** An agent says what it sees at least so often: who has not heard it yet, after a start, waits for a host so long. */
const SEEN_WITHIN = seconds(15);
/** An agent that is there answers whenever it is asked again. One that says nothing for this long is lost. */
const SILENCE_LIMIT = seconds(60);

/** Makes and sends the commands of rungs, and keeps the time limits of phases. */
export class Dispatch {
  constructor(
    private readonly parts: {
      readonly session: Session;
      readonly beacon: ClockBeacon;
      readonly clock: Clock;
      readonly log: Log;
      readonly nodes: Nodes;
      readonly defect: (error: unknown) => void;
    },
  ) {}

  /**
   * The envelope of a rung for the agent's present session. Undefined while the agent is away.
   * @param fence the present one of the node
   */
  envelope(
    step: ActStep,
    run: Run,
    fence: number,
    issuedMs?: number,
  ): { agent: string; command: AgentCommand } | undefined {
    const { beacon, clock } = this.parts;
    const reached = this.#reachable(step, run);
    if (!reached) return undefined;
    const { binding, epoch } = reached;
    const reading = beacon.reading();
    // The time that a request has waited for us counts, too.
    const waitedMs = issuedMs === undefined ? 0 : Math.max(0, clock.monotonicMs() - issuedMs);
    // What was begun is finished, whoever holds the node by now.
    const stamped = step.owed ? Math.max(fence, run.fence ?? 0) : (run.fence ?? 0);
    const command: AgentCommand = {
      v: AGENT_PROTOCOL,
      id: mintCommandId(),
      node: run.node,
      endpoint: binding.endpoint,
      action: step.action,
      actor: run.actor,
      via: run.via,
      ...(run.reason === undefined ? {} : { reason: run.reason }),
      issuedAt: timestamp(clock),
      clock: { id: reading.id, ms: Math.max(0, reading.ms - waitedMs) },
      ttlMs: run.ttlMs,
      epoch,
      ...(stamped === 0 ? {} : { fence: stamped }),
    };
    return { agent: binding.agent, command };
  }

  /**
   * Does what the present phase asks for: sends its command, or waits for its limit.
   * @param since when the phase began, or was taken up after a restart (a wait then begins afresh: nobody is forced
   * early because a clock was set), when what it does was asked for, and when the agent last said something about it
   * @param signal ends all of it
   */
  arm(
    run: Run,
    since: {
      readonly enteredMs: number;
      readonly issuedMs: number;
      readonly heardMs: () => number;
    },
    signal: AbortSignal,
    feed: (event: RunEvent) => void,
  ): void {
    const { phase } = run;
    const limit = (spanMs: number): void => {
      const leftMs = Math.max(0, since.enteredMs + spanMs - this.parts.clock.monotonicMs());
      this.#after(milliseconds(leftMs), signal, () => feed({ kind: "limit-reached" }));
    };
    switch (phase.kind) {
      case "acting": {
        const lost = (): void => feed({ kind: "agent-lost-for-good" });
        if (this.parts.nodes.epoch(phase.agent as AgentId) === undefined) {
          this.#after(graceOf(phase.step), signal, lost);
        } else {
          void this.#send(phase.agent, phase.command, signal);
          this.#watch(run.ttlMs + SILENCE_LIMIT, since.heardMs, signal, lost);
        }
        return;
      }
      case "awaiting-halt":
        return limit(Math.max(haltWaitMs(run), this.#isSeen(run) ? 0 : SEEN_WITHIN));
      case "waiting-for-slot":
        if (phase.step.owed || run.patience === "unlimited") return;
        return limit(run.ttlMs - (since.enteredMs - since.issuedMs));
      case "waiting-for-agent":
        // It may have come while this phase was being recorded, and will not say so again.
        if (this.#reachable(phase.step, run)) feed({ kind: "agent-ready" });
        // A host that was shut down to be started again is brought back whenever its agent returns.
        if (phase.step.owed) return;
        // A rung that is not owed is a start, and no start is late.
        return limit(Math.min(AGENT_GRACE, run.ttlMs));
      case "pausing":
        return limit(phase.pauseMs);
      case "done":
        return;
      default:
        return phase satisfies never;
    }
  }

  #isSeen({ node }: Run): boolean {
    const { nodes, clock } = this.parts;
    const nowMs = clock.monotonicMs();
    return nodes.fresh(node, nowMs) !== undefined || nodes.host(node, nowMs) !== undefined;
  }

  /** Whom to send a rung to, and in which session. Undefined while the agent is away or its endpoint is not bound. */
  #reachable(step: ActStep, run: Run): { binding: InterfaceBinding; epoch: string } | undefined {
    const { nodes } = this.parts;
    const binding = nodes.binding(run.node, step.interface);
    const epoch = binding && nodes.epoch(binding.agent);
    // A supply that could not be opened is asked all the same: its agent's answer counts for what is owed.
    if (step.interface === "console" && nodes.trouble(run.node, "console")) return undefined;
    return binding && epoch !== undefined ? { binding, epoch } : undefined;
  }

  /** Calls `silent` when nothing has been heard for a span. */
  #watch(spanMs: number, heardMs: () => number, signal: AbortSignal, silent: () => void): void {
    const leftMs = heardMs() + spanMs - this.parts.clock.monotonicMs();
    if (leftMs <= 0) silent();
    else
      this.#after(milliseconds(leftMs), signal, () => this.#watch(spanMs, heardMs, signal, silent));
  }

  #after(span: Duration, signal: AbortSignal, run: () => void): void {
    this.parts.clock.sleep(span, signal).then(run, () => undefined);
  }

  /** Sends a command and, while nothing is heard, the very same one again: an agent acts once per id. */
  async #send(agent: string, command: AgentCommand, signal: AbortSignal): Promise<void> {
    const { session, clock, log } = this.parts;
    while (!signal.aborted) {
      try {
        await session.publish(agentCommand, { agent, endpoint: command.endpoint }, command);
        failpoint("power.issued");
      } catch (error) {
        if (!(error instanceof MessagingError)) return this.parts.defect(error);
        log.warn({ agent, commandId: command.id, code: error.code }, "a command could not be sent");
      }
      await clock.sleep(PROBE_EVERY, signal).catch(() => undefined);
    }
  }
}

/** How long a rung waits for an agent that is away. */
function graceOf(step: ActStep): Duration {
  return step.owed ? OWED_GRACE : AGENT_GRACE;
}
