import type { DescribedEndpoint, EndpointAction } from "@outrider/contracts/agent";
import type { AgentId, EndpointId, InterfaceKind } from "@outrider/contracts/ids";
import { supportedActions, type Capabilities } from "@outrider/contracts/ladder";
import type { InterfaceBinding, NodeDescription } from "@outrider/contracts/node";
import type { DeclaredNode } from "./site.js";

/** The endpoint as its agent has described it, if it has. */
export type Described = (agent: AgentId, endpoint: EndpointId) => DescribedEndpoint | undefined;

/** What is published of a node. What it can do comes from its agents, and is nothing before they have spoken. */
export function describeNode(node: DeclaredNode, described: Described): NodeDescription {
  const interfaces: Partial<Record<InterfaceKind, InterfaceBinding[]>> = {};
  const capabilities: Partial<Record<InterfaceKind, readonly EndpointAction[]>> = {};
  for (const { kind, agent, endpoint, driver } of node.endpoints) {
    // What an agent still says of the driver that stood here before is not about this one.
    const known = described(agent, endpoint);
    const actions = known?.driver === driver ? known.actions : undefined;
    const binding = { agent, endpoint, driver, ...(actions ? { actions: [...actions] } : {}) };
    (interfaces[kind] ??= []).push(binding);
    if (actions) capabilities[kind] = actions;
  }
  return {
    id: node.id,
    name: node.name,
    roles: [...node.roles],
    labels: { ...node.labels },
    ...(node.wake === undefined ? {} : { wake: node.wake }),
    supportedActions: supportedActions(capabilities satisfies Capabilities),
    gracefulLimitMs: node.gracefulLimit,
    interfaces,
    ...(node.firmware === undefined ? {} : { firmware: node.firmware }),
  };
}
