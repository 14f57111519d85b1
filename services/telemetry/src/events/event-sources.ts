import { agentStatus, type AgentStatus } from "@outrider/contracts/agent";
import { consoleState, type ConsoleState } from "@outrider/contracts/console";
import { nodeEvent, type NodeEvent } from "@outrider/contracts/node";
import { powerResult, type PowerResult } from "@outrider/contracts/power";
import { serviceStatus, type ServiceStatus } from "@outrider/contracts/service";
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
  /** Whether services were there when they were heard last, and by which process. */
  readonly #services = new Map<string, { readonly isThere: boolean; readonly instance: string }>();

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

  @OnMessage(serviceStatus)
  service({
    payload: { state, instance, version },
    parameters: { service },
  }: Received<ServiceStatus, { readonly service: string }>): void {
    // What is heard of this service itself is of a process before this one.
    if (service === "telemetry") return;
    const isThere = state === "ready" || state === "degraded";
    const before = this.#services.get(service);
    if (before?.isThere === isThere && before.instance === instance) return;
    this.#services.set(service, { isThere, instance });
    const isFirst = before === undefined || (isThere && before.instance !== instance);
    const isStopping = state === "stopping";
    const lost = isStopping ? "is being stopped" : "is not there any more";
    void this.events.append({
      // A status is retained: it is the same event however often it is heard. One process may come and go many times.
      ...(isFirst ? { id: `service ${service} ${instance} ${isThere ? "ready" : "lost"}` } : {}),
      subject: `service:${service}`,
      severity: isThere ? "info" : isStopping ? "notice" : "warning",
      kind: isThere ? "service-ready" : "service-lost",
      message: isThere ? `service ${service} is there` : `service ${service} ${lost}`,
      data: { instance, version },
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
