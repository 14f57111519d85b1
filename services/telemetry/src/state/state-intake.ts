import {
  agentDescription,
  agentStatus,
  type AgentDescription,
  type AgentStatus,
} from "@outrider/contracts/agent";
import { consoleState, type ConsoleState } from "@outrider/contracts/console";
import { isAgentId, isNodeId } from "@outrider/contracts/ids";
import { nodeDescription, type NodeDescription } from "@outrider/contracts/node";
import { powerState, type PowerState } from "@outrider/contracts/power";
import type { Meta, Received } from "@outrider/messaging/session";
import { OnMessage } from "@outrider/service-kit/on-message";
import type { Management } from "./management.js";
import type { NodeStates } from "./node-states.js";

type OfNode = { readonly node: string };
type OfAgent = { readonly agent: string };

/** Hears of nodes and agents what their state is made of. */
export class StateIntake {
  constructor(
    private readonly management: Management,
    private readonly states: NodeStates,
  ) {}

  @OnMessage(nodeDescription, { cleared: "nodeGone" })
  node({ payload, parameters: { node } }: Received<NodeDescription, OfNode>): void {
    if (!isNodeId(node)) return;
    this.management.describe(node, payload);
    this.states.described(node, true);
  }

  nodeGone({ parameters: { node } }: Meta<OfNode>): void {
    if (!isNodeId(node)) return;
    this.management.describe(node, undefined);
    this.states.described(node, false);
  }

  @OnMessage(powerState, { cleared: "noPower" })
  power({ payload, parameters: { node }, receivedMs }: Received<PowerState, OfNode>): void {
    if (isNodeId(node)) this.states.powerSeen(node, payload, receivedMs);
  }

  noPower({ parameters: { node }, receivedMs }: Meta<OfNode>): void {
    if (isNodeId(node)) this.states.powerSeen(node, undefined, receivedMs);
  }

  @OnMessage(consoleState, { cleared: "noConsole" })
  console({ payload: { stage }, parameters: { node } }: Received<ConsoleState, OfNode>): void {
    if (isNodeId(node)) this.states.stageSeen(node, stage);
  }

  noConsole({ parameters: { node } }: Meta<OfNode>): void {
    if (isNodeId(node)) this.states.stageSeen(node, undefined);
  }

  @OnMessage(agentStatus)
  agent({ payload, parameters: { agent } }: Received<AgentStatus, OfAgent>): void {
    if (!isAgentId(agent)) return;
    this.management.agentStatus(agent, payload);
    for (const node of this.management.suppliedBy(agent)) this.states.judge(node);
  }

  @OnMessage(agentDescription)
  described({ payload, parameters: { agent } }: Received<AgentDescription, OfAgent>): void {
    if (!isAgentId(agent)) return;
    this.management.agentDescription(agent, payload);
    for (const node of this.management.suppliedBy(agent)) this.states.judge(node);
  }
}
