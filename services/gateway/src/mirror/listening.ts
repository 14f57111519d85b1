import { Inject, Injectable } from "@nestjs/common";
import {
  agentDescription,
  agentStatus,
  type AgentDescription,
  type AgentStatus,
} from "@outrider/contracts/agent";
import { consoleState, type ConsoleState } from "@outrider/contracts/console";
import { nodeLock, type NodeLock } from "@outrider/contracts/lock";
import {
  nodeDescription,
  nodeEvent,
  nodeStatus,
  type NodeDescription,
  type NodeEvent,
  type NodeStatus,
} from "@outrider/contracts/node";
import {
  powerResult,
  powerState,
  type PowerResult,
  type PowerState,
} from "@outrider/contracts/power";
import { serviceStatus, site, type ServiceStatus, type Site } from "@outrider/contracts/service";
import {
  serviceDescription,
  serviceEvent,
  type ServiceDescription,
  type ServiceEvent,
} from "@outrider/contracts/service-plane";
import {
  agentAlarm,
  domainAlarm,
  nodeAlarm,
  serviceAlarm,
  type AlarmState,
} from "@outrider/contracts/telemetry";
import type { Meta, Received } from "@outrider/messaging/session";
import { OnMessage } from "@outrider/service-kit/on-message";
import { Happenings } from "../live/happenings.js";
import { Mirror } from "./mirror.js";
import { Results } from "./results.js";

type OfNode = { readonly node: string };
type WithAlarm = { readonly alarm: string };
type OfAgent = { readonly agent: string };
type OfDomain = { readonly domain: string };
type OfService = { readonly service: string };

/** Hears what services and agents say, and hands it to whoever keeps it. */
@Injectable()
export class Listening {
  constructor(
    @Inject(Mirror) private readonly mirror: Mirror,
    @Inject(Results) private readonly results: Results,
    @Inject(Happenings) private readonly happenings: Happenings,
  ) {}

  @OnMessage(nodeDescription, { cleared: "noDescription" })
  description({ payload, parameters }: Received<NodeDescription, OfNode>): void {
    this.mirror.hear(parameters.node, "description", payload);
  }

  noDescription({ parameters }: Meta<OfNode>): void {
    this.mirror.hear(parameters.node, "description", undefined);
  }

  @OnMessage(powerState, { cleared: "noState" })
  state({ payload, parameters }: Received<PowerState, OfNode>): void {
    this.mirror.hear(parameters.node, "state", payload);
  }

  noState({ parameters }: Meta<OfNode>): void {
    this.mirror.hear(parameters.node, "state", undefined);
  }

  @OnMessage(nodeStatus, { cleared: "noStatus" })
  status({ payload, parameters }: Received<NodeStatus, OfNode>): void {
    this.mirror.hear(parameters.node, "status", payload);
  }

  noStatus({ parameters }: Meta<OfNode>): void {
    this.mirror.hear(parameters.node, "status", undefined);
  }

  @OnMessage(nodeLock, { cleared: "noLock" })
  lock({ payload, parameters }: Received<NodeLock, OfNode>): void {
    this.mirror.hear(parameters.node, "lock", payload);
  }

  noLock({ parameters }: Meta<OfNode>): void {
    this.mirror.hear(parameters.node, "lock", undefined);
  }

  @OnMessage(consoleState, { cleared: "noConsole" })
  console({ payload, parameters }: Received<ConsoleState, OfNode>): void {
    this.mirror.hear(parameters.node, "console", payload);
  }

  noConsole({ parameters }: Meta<OfNode>): void {
    this.mirror.hear(parameters.node, "console", undefined);
  }

  @OnMessage(nodeAlarm, { cleared: "noAlarm" })
  alarm({ payload, parameters: { node, alarm } }: Received<AlarmState, OfNode & WithAlarm>): void {
    this.mirror.hearAlarm(node, alarm, payload);
  }

  noAlarm({ parameters: { node, alarm } }: Meta<OfNode & WithAlarm>): void {
    this.mirror.hearAlarm(node, alarm, undefined);
  }

  @OnMessage(agentAlarm, { cleared: "noAgentAlarm" })
  agentAlarm({
    payload,
    parameters: { agent, alarm },
  }: Received<AlarmState, OfAgent & WithAlarm>): void {
    this.mirror.hearSiteAlarm(`agent:${agent}`, alarm, payload);
  }

  noAgentAlarm({ parameters: { agent, alarm } }: Meta<OfAgent & WithAlarm>): void {
    this.mirror.hearSiteAlarm(`agent:${agent}`, alarm, undefined);
  }

  @OnMessage(domainAlarm, { cleared: "noDomainAlarm" })
  domainAlarm({
    payload,
    parameters: { domain, alarm },
  }: Received<AlarmState, OfDomain & WithAlarm>): void {
    this.mirror.hearSiteAlarm(`domain:${domain}`, alarm, payload);
  }

  noDomainAlarm({ parameters: { domain, alarm } }: Meta<OfDomain & WithAlarm>): void {
    this.mirror.hearSiteAlarm(`domain:${domain}`, alarm, undefined);
  }

  @OnMessage(serviceAlarm, { cleared: "noServiceAlarm" })
  serviceAlarm({
    payload,
    parameters: { service, alarm },
  }: Received<AlarmState, OfService & WithAlarm>): void {
    this.mirror.hearSiteAlarm(`service:${service}`, alarm, payload);
  }

  noServiceAlarm({ parameters: { service, alarm } }: Meta<OfService & WithAlarm>): void {
    this.mirror.hearSiteAlarm(`service:${service}`, alarm, undefined);
  }

  @OnMessage(powerResult, { retained: "drop" })
  result({ payload, parameters: { node } }: Received<PowerResult, OfNode>): void {
    this.results.take(node, payload);
    this.mirror.hearResult(node, payload);
    this.happenings.add({ kind: "result", node, data: payload });
  }

  @OnMessage(nodeEvent, { retained: "drop" })
  event({ payload, parameters: { node } }: Received<NodeEvent, OfNode>): void {
    this.happenings.add({ kind: "event", node, data: payload });
  }

  @OnMessage(serviceEvent, { retained: "drop" })
  serviceEvent({ payload, parameters: { service } }: Received<ServiceEvent, OfService>): void {
    this.happenings.add({ kind: payload.kind, service, data: payload });
  }

  @OnMessage(agentStatus, { cleared: "noAgent" })
  agentStatus({ payload, parameters }: Received<AgentStatus, OfAgent>): void {
    this.mirror.hearAgent(parameters.agent, { status: payload });
  }

  noAgent({ parameters }: Meta<OfAgent>): void {
    this.mirror.forgetAgent(parameters.agent);
  }

  @OnMessage(agentDescription)
  agentDescription({ payload, parameters }: Received<AgentDescription, OfAgent>): void {
    this.mirror.hearAgent(parameters.agent, { description: payload });
  }

  @OnMessage(serviceStatus)
  serviceStatus({ payload, parameters }: Received<ServiceStatus, OfService>): void {
    this.mirror.hearService(parameters.service, { status: payload });
  }

  @OnMessage(serviceDescription)
  serviceDescription({ payload, parameters }: Received<ServiceDescription, OfService>): void {
    this.mirror.hearService(parameters.service, { description: payload });
  }

  @OnMessage(site)
  site({ payload }: Received<Site, object>): void {
    this.mirror.site = payload;
  }
}
