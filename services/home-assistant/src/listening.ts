import { Inject, Injectable } from "@nestjs/common";
import {
  agentDescription,
  agentDesired,
  agentStatus,
  type AgentDescription,
  type AgentDesired,
  type AgentStatus,
} from "@outrider/contracts/agent";
import { nodeDescription, type NodeDescription } from "@outrider/contracts/node";
import { serviceStatus, site, type ServiceStatus, type Site } from "@outrider/contracts/service";
import type { Meta, Received } from "@outrider/messaging/session";
import { OnMessage } from "@outrider/service-kit/on-message";
import { Bridge } from "./bridge.js";
import { SiteFacts } from "./site-facts.js";

type OfNode = { readonly node: string };
type OfAgent = { readonly agent: string };

/** Hears what inventory, agents and services say, as far as devices of Home Assistant are made of it. */
@Injectable()
export class Listening {
  constructor(
    @Inject(SiteFacts) private readonly facts: SiteFacts,
    @Inject(Bridge) private readonly bridge: Bridge,
  ) {}

  @OnMessage(nodeDescription, { cleared: "noNode" })
  node({ topic, payload, parameters: { node } }: Received<NodeDescription, OfNode>): void {
    this.bridge.arrived(topic);
    this.facts.node(node, payload);
  }

  noNode({ parameters: { node } }: Meta<OfNode>): void {
    this.facts.node(node, undefined);
  }

  @OnMessage(agentDescription, { cleared: "noAgent" })
  agent({ topic, payload, parameters: { agent } }: Received<AgentDescription, OfAgent>): void {
    this.bridge.arrived(topic);
    this.facts.agent(agent, payload);
  }

  noAgent({ parameters: { agent } }: Meta<OfAgent>): void {
    this.facts.agent(agent, undefined);
  }

  @OnMessage(agentStatus, { cleared: "noStatus" })
  agentStatus({ topic, payload, parameters: { agent } }: Received<AgentStatus, OfAgent>): void {
    this.bridge.arrived(topic);
    this.facts.agentStatus(agent, payload);
  }

  noStatus({ parameters: { agent } }: Meta<OfAgent>): void {
    this.facts.agentStatus(agent, undefined);
  }

  @OnMessage(agentDesired)
  desired({ payload, parameters: { agent } }: Received<AgentDesired, OfAgent>): void {
    this.facts.desired(agent, payload);
  }

  @OnMessage(serviceStatus)
  service({
    topic,
    payload: { state },
    parameters: { service },
  }: Received<ServiceStatus, { readonly service: string }>): void {
    this.bridge.arrived(topic);
    this.facts.service(service);
    if (service === "inventory") this.bridge.inventory(state === "ready" || state === "degraded");
  }

  @OnMessage(site)
  site({ topic, payload }: Received<Site, object>): void {
    this.bridge.arrived(topic);
    this.facts.site(payload);
  }
}
