import type { AuditLog } from "@outrider/audit/audit-log";
import { agentStatus, type AgentStatus } from "@outrider/contracts/agent";
import { consoleState, type ConsoleState } from "@outrider/contracts/console";
import { nodeDescription, type NodeDescription } from "@outrider/contracts/node";
import { powerState, type PowerState } from "@outrider/contracts/power";
import { acknowledgeAlarm, type AcknowledgeAlarm } from "@outrider/contracts/telemetry-operations";
import { serviceStatus, type ServiceStatus } from "@outrider/contracts/service";
import type { AlarmState } from "@outrider/contracts/telemetry";
import { telemetryPolicy, type TelemetryPolicy } from "@outrider/contracts/telemetry-policy";
import type { Meta, Received } from "@outrider/messaging/session";
import { OnMessage } from "@outrider/service-kit/on-message";
import { OnRequest, type Asked } from "@outrider/service-kit/on-request";
import type {
  DroppedReadings,
  PowerLeft,
  SensorTaken,
  TelemetryListener,
} from "../telemetry-listener.js";
import type { AlarmBook } from "./alarm-book.js";
import type { AlarmEngine } from "./alarm-engine.js";

type OfNode = { readonly node: string };

/** Hands on what rules look at, and what people say of alarms. */
export class AlarmIntake implements TelemetryListener {
  constructor(
    private readonly engine: AlarmEngine,
    private readonly book: Pick<AlarmBook, "agentDeclared" | "acknowledge">,
    private readonly audit: Pick<AuditLog, "append">,
    private readonly governed: (policy: TelemetryPolicy) => void,
  ) {}

  @OnMessage(telemetryPolicy)
  policy({ payload }: Received<TelemetryPolicy, object>): void {
    this.engine.govern(payload);
    this.engine.inventorySpeaks();
    this.governed(payload);
  }

  @OnMessage(nodeDescription, { cleared: "nodeGone" })
  node({ payload, parameters: { node } }: Received<NodeDescription, OfNode>): void {
    this.engine.describe(node, payload);
  }

  nodeGone({ parameters: { node } }: Meta<OfNode>): void {
    this.engine.forget(node);
  }

  @OnMessage(powerState)
  power({
    payload: { supply, host, fault, problem },
    parameters: { node },
  }: Received<PowerState, OfNode>): void {
    this.engine.power(node, {
      supply: supply.value,
      supplySince: supply.since,
      host: host.value,
      hostEvidence: host.evidence,
      fault,
      problem,
    });
  }

  @OnMessage(consoleState, { cleared: "noConsole" })
  console({ payload: { stage }, parameters: { node } }: Received<ConsoleState, OfNode>): void {
    this.engine.stage(node, stage);
  }

  noConsole({ parameters: { node } }: Meta<OfNode>): void {
    this.engine.stage(node, undefined);
  }

  @OnMessage(agentStatus)
  agent({
    payload: { state },
    parameters: { agent },
  }: Received<AgentStatus, { readonly agent: string }>): void {
    this.engine.agentThere(agent, state === "ready");
  }

  @OnMessage(serviceStatus)
  service({
    payload: { state },
    parameters: { service },
  }: Received<ServiceStatus, { readonly service: string }>): void {
    // What it would say of itself is of a process before this one.
    if (service === "telemetry") return;
    this.engine.serviceThere(service, state === "ready" || state === "degraded");
  }

  @OnRequest(acknowledgeAlarm)
  async acknowledge({ body, actor, via }: Asked<AcknowledgeAlarm>): Promise<AlarmState> {
    const { subject, id, comment: reason } = body;
    await this.audit.append({
      actor,
      via,
      act: "alarm.acknowledge",
      subject,
      data: { alarm: id },
      ...(reason === undefined ? {} : { reason }),
    });
    return this.book.acknowledge(body, actor, body.comment);
  }

  sensorRead({ node, sensor, values, absent }: SensorTaken): void {
    this.engine.read(node, sensor, { values, absent });
  }

  sensorExpired(node: string, sensor: string): void {
    this.engine.expired(node, sensor);
  }

  powerExpired(node: string, left: PowerLeft): void {
    this.engine.power(node, left);
  }

  livenessChanged(node: string, liveness: "Alive" | "Silent" | "Unknown"): void {
    this.engine.liveness(node, liveness);
  }

  clockSeen(agent: string, offsetSeconds: number): void {
    this.engine.clockSeen(agent, offsetSeconds);
  }

  readingsLost(agent: string, lost: DroppedReadings): void {
    this.engine.agentLost(agent, lost);
  }

  agentDeclared(agent: string, hasDuties: boolean): void {
    this.engine.agentDeclared(agent, hasDuties);
    this.book.agentDeclared(agent, hasDuties);
  }
}
