import { Inject, Injectable } from "@nestjs/common";
import {
  agentAck,
  agentDescription,
  agentEvent,
  agentStatus,
  type AgentDescription,
  type AgentEvent,
  type AgentStatus,
  type Incident,
  type Observation,
} from "@outrider/contracts/agent";
import { timestamp, type Clock } from "@outrider/contracts/clock";
import { consoleState, type ConsoleState } from "@outrider/contracts/console";
import { isAgentId, isNodeId, type AgentId } from "@outrider/contracts/ids";
import {
  nodeDescription,
  nodeEvent,
  type NodeDescription,
  type NodeEvent,
} from "@outrider/contracts/node";
import type { ClockBeacon } from "@outrider/messaging/clock-beacon";
import { MessagingError } from "@outrider/messaging/errors";
import type { Log } from "@outrider/messaging/log";
import { mintId } from "@outrider/messaging/mint-id";
import { Session, type Meta, type Received } from "@outrider/messaging/session";
import { OnMessage } from "@outrider/service-kit/on-message";
import { BEACON, CLOCK, LOG, SERVICE } from "@outrider/service-kit/tokens";
import { Draws } from "./draws.js";
import { EventNumbers } from "./event-numbers.js";
import { Nodes } from "./nodes.js";
import { Pacing } from "./pacing.js";
import { Runs } from "./runs.js";
import { States } from "./states.js";

const SEVERITY: Readonly<Record<Incident["kind"], NodeEvent["severity"]>> = {
  "supply-lost": "error",
  restored: "notice",
  "restore-failed": "error",
  "cycle-finished": "notice",
  "fault-latched": "critical",
  "fault-cleared": "notice",
};

/** By then after a connect, inventory has said what there is. */
const SETTLE_MS = 30_000;

/** Hears what inventory declares and agents say, and acknowledges what has been recorded. */
@Injectable()
export class Agents {
  /** When everything that an agent said until now is recorded: a number acknowledges all before it. */
  readonly #recorded = new Map<AgentId, Promise<void>>();
  readonly #numbers = new Map<AgentId, EventNumbers>();
  /** When everybody has had the time to say what there is, by our monotonic clock. */
  #settledMs = Number.POSITIVE_INFINITY;

  constructor(
    @Inject(Session) private readonly session: Session,
    @Inject(BEACON) private readonly beacon: ClockBeacon,
    @Inject(CLOCK) private readonly clock: Clock,
    @Inject(LOG) private readonly log: Log,
    @Inject(SERVICE) private readonly service: { readonly name: string },
    @Inject(Nodes) private readonly nodes: Nodes,
    @Inject(Runs) private readonly runs: Runs,
    @Inject(States) private readonly states: States,
    @Inject(Draws) private readonly draws: Draws,
    @Inject(Pacing) private readonly pacing: Pacing,
  ) {
    session.onConnect(() => {
      this.#settledMs = this.clock.monotonicMs() + SETTLE_MS;
    });
  }

  @OnMessage(nodeDescription, { cleared: "gone" })
  described({
    payload,
    parameters: { node },
  }: Received<NodeDescription, { readonly node: string }>): void {
    if (!isNodeId(node)) return;
    this.nodes.describe(node, payload);
    this.states.publish(node);
  }

  /** A node left the site: what was published of it is cleared. */
  gone({ parameters: { node } }: Meta<{ readonly node: string }>): void {
    if (!isNodeId(node)) return;
    this.nodes.describe(node, undefined);
    this.states.clear(node);
  }

  @OnMessage(consoleState, { cleared: "consoleGone" })
  console({
    payload,
    parameters: { node },
    receivedMs,
    wasRetained,
  }: Received<ConsoleState, { readonly node: string }>): void {
    if (!isNodeId(node)) return;
    // One that stood on the broker is as old as it says; of one that was just sent, clocks of hosts need not agree.
    const ageMs = wasRetained
      ? Math.max(0, this.clock.now().getTime() - Date.parse(payload.observedAt))
      : 0;
    this.nodes.seeConsole(node, payload, receivedMs, ageMs);
    this.runs.seen(node);
    this.states.consoleSeen(node);
  }

  consoleGone({ parameters: { node } }: Meta<{ readonly node: string }>): void {
    if (!isNodeId(node)) return;
    this.nodes.seeConsole(node, undefined, this.clock.monotonicMs());
    this.states.consoleSeen(node);
  }

  @OnMessage(agentStatus)
  status({
    payload,
    parameters: { agent },
  }: Received<AgentStatus, { readonly agent: string }>): void {
    if (!isAgentId(agent)) return;
    // Before it can be sent a command of this session: it has heard no clock yet.
    if (payload.state === "ready") this.beacon.tell();
    const before = this.nodes.epoch(agent);
    this.nodes.agentStatus(agent, payload);
    if (this.nodes.epoch(agent) !== before) this.runs.agentChanged(agent);
    this.states.publishAll(agent);
  }

  @OnMessage(agentDescription)
  description({
    payload,
    parameters: { agent },
  }: Received<AgentDescription, { readonly agent: string }>): void {
    if (!isAgentId(agent)) return;
    this.nodes.agentDescription(agent, payload);
    this.runs.agentDescribed(agent);
    this.states.publishAll(agent);
  }

  @OnMessage(agentEvent)
  event(message: Received<AgentEvent, { readonly agent: string }>): void {
    const { payload, parameters, receivedMs } = message;
    const { agent } = parameters;
    if (!isAgentId(agent)) return;
    for (const observation of payload.observations ?? []) {
      // Kept also where inventory has not said yet whose endpoint it is.
      this.nodes.see(observation, receivedMs);
      const node = this.nodes.nodeOf(observation.endpoint);
      if (node === undefined) continue;
      this.runs.seen(node);
      if (observation.drawWatts !== undefined) {
        this.draws.measured(node, observation.drawWatts, onForMs(observation));
      }
      if (observation.supply === "Off") this.pacing.wentOff(node);
      this.states.publish(node);
    }
    if (payload.incident && this.#comesTooEarly(payload.incident)) return;
    const { handle, acknowledge } = this.#judge(agent, payload);
    if (handle && payload.incident) this.#tell(payload.incident, payload.at);
    const recorded = handle ? this.#reported(payload, receivedMs) : undefined;
    const all = Promise.all([this.#recorded.get(agent), recorded]).then(() =>
      this.#acknowledge(agent, payload.epoch, acknowledge),
    );
    this.#recorded.set(agent, all);
    void all;
  }

  /**
   * Whether inventory has not said yet whose endpoint this is. Left unacknowledged, the incident comes again; but not
   * for ever, because an endpoint may have left the site.
   */
  #comesTooEarly({ endpoint, kind }: Incident): boolean {
    if (this.nodes.nodeOf(endpoint) !== undefined) return false;
    if (this.clock.monotonicMs() < this.#settledMs) return true;
    this.log.warn({ endpoint, kind }, "an incident of an endpoint that no node has");
    return false;
  }

  /** Whether an event is to be handled, and what may be acknowledged once it is recorded. */
  #judge(agent: AgentId, { epoch, seq }: AgentEvent): ReturnType<EventNumbers["judge"]> {
    if (seq === undefined) return { handle: true, acknowledge: undefined };
    let numbers = this.#numbers.get(agent);
    if (!numbers) this.#numbers.set(agent, (numbers = new EventNumbers()));
    return numbers.judge(epoch, seq);
  }

  async #reported({ command }: AgentEvent, receivedMs: number): Promise<void> {
    if (!command) return;
    if (command.observation) this.nodes.see(command.observation, receivedMs);
    // By the command, not by the endpoint: after a restart the report may come before inventory's word whose it is.
    const node = this.runs.asking(command.id);
    if (node !== undefined) return this.runs.report(node, command);
    this.log.debug(
      { endpoint: command.endpoint, commandId: command.id },
      "nobody waits for this report",
    );
  }

  #tell(incident: Incident, at: string): void {
    const node = this.nodes.nodeOf(incident.endpoint);
    if (node === undefined) return;
    const event: NodeEvent = {
      id: mintId(),
      at,
      severity: SEVERITY[incident.kind],
      kind: incident.kind,
      message: incident.detail,
    };
    this.session.publish(nodeEvent, { node }, event).catch((error: unknown) => this.#unsent(error));
  }

  #acknowledge(agent: AgentId, epoch: string, event: number | undefined): void {
    if (event === undefined) return;
    this.session
      .publish(agentAck, { agent, service: this.service.name }, { epoch, event })
      .catch((error: unknown) => this.#unsent(error));
  }

  #unsent(error: unknown): void {
    if (!(error instanceof MessagingError)) throw error;
    this.log.debug(
      { code: error.code, at: timestamp(this.clock) },
      "not sent; it is repeated when the agent repeats",
    );
  }
}

/** How long the supply had been on when it was looked at, by the agent's own clock; 0 where it was not. */
function onForMs({ supply, supplySince, observedAt }: Observation): number {
  return supply === "On" ? Math.max(0, Date.parse(observedAt) - Date.parse(supplySince)) : 0;
}
