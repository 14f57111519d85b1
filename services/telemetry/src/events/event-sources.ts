import { agentStatus, type AgentStatus } from "@outrider/contracts/agent";
import { consoleState, type ConsoleState } from "@outrider/contracts/console";
import { nodeEvent, type NodeEvent } from "@outrider/contracts/node";
import { powerResult, type PowerResult } from "@outrider/contracts/power";
import type { Received } from "@outrider/messaging/session";
import { OnMessage } from "@outrider/service-kit/on-message";
import type { HeartbeatTaken, TelemetryListener } from "../telemetry-listener.js";
import type { EventLog } from "./event-log.js";
import { powerResultOf } from "./power-results.js";

type OfNode = { readonly node: string };

/** Hears what happens, for the event log. */
export class EventSources implements TelemetryListener {
  /** What consoles and reporters said last of boots. */
  readonly #boots = new Map<string, string>();

  constructor(private readonly events: EventLog) {}

  @OnMessage(nodeEvent, { retained: "drop" })
  event({ payload, parameters: { node } }: Received<NodeEvent, OfNode>): void {
    const { id, at, severity, kind, message, data } = payload;
    void this.events.append({ id, at, subject: `node:${node}`, severity, kind, message, data });
  }

  @OnMessage(powerResult, { retained: "drop" })
  power({ payload, parameters: { node } }: Received<PowerResult, OfNode>): void {
    if (!payload.terminal) return;
    void this.events.append(powerResultOf(node, payload));
  }

  @OnMessage(agentStatus)
  agent({
    payload,
    parameters: { agent },
  }: Received<AgentStatus, { readonly agent: string }>): void {
    const { state, epoch, version } = payload;
    const isThere = state === "ready";
    void this.events.append({
      // A status is retained: it is the same event however often it is heard.
      id: `agent ${agent} ${epoch} ${state}`,
      subject: `agent:${agent}`,
      severity: isThere ? "info" : "warning",
      kind: isThere ? "agent-ready" : "agent-lost",
      message: isThere ? `agent ${agent} is connected` : `agent ${agent} is not connected any more`,
      data: { epoch, version },
    });
  }

  @OnMessage(consoleState)
  console({ payload: { boot }, parameters: { node } }: Received<ConsoleState, OfNode>): void {
    if (boot !== undefined) this.#booted(`console ${node}`, node, String(boot), "its console");
  }

  heartbeatRead({ node, heartbeat, look: { bootId } }: HeartbeatTaken): void {
    if (bootId !== undefined)
      this.#booted(`heartbeat ${node} ${heartbeat}`, node, bootId, heartbeat);
  }

  #booted(source: string, node: string, boot: string, by: string): void {
    const before = this.#boots.get(source);
    this.#boots.set(source, boot);
    if (before === undefined || before === boot) return;
    void this.events.append({
      subject: `node:${node}`,
      severity: "info",
      kind: "boot",
      message: `a new boot is seen by ${by}`,
      data: { boot },
    });
  }
}
