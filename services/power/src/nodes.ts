import type {
  AgentDescription,
  AgentStatus,
  DescribedEndpoint,
  EndpointAction,
  Observation,
} from "@outrider/contracts/agent";
import type { AgentId, EndpointId, InterfaceKind, NodeId } from "@outrider/contracts/ids";
import type { Capabilities } from "@outrider/contracts/ladder";
import type { InterfaceBinding, NodeDescription } from "@outrider/contracts/node";
import type { KnownNode } from "./admission.js";

/** An observation and when it reached us, by our monotonic clock. */
export interface Seen {
  readonly observation: Observation;
  readonly receivedMs: number;
}

interface Agent {
  readonly status?: AgentStatus;
  readonly description?: AgentDescription;
}

/** What this service knows of nodes and agents, all of it heard on the bus. */
export class Nodes {
  readonly #descriptions = new Map<NodeId, NodeDescription>();
  readonly #agents = new Map<AgentId, Agent>();
  readonly #seen = new Map<EndpointId, Seen>();
  readonly #nodeOf = new Map<EndpointId, NodeId>();

  describe(node: NodeId, description: NodeDescription | undefined): void {
    for (const [endpoint, owner] of this.#nodeOf) if (owner === node) this.#nodeOf.delete(endpoint);
    if (!description) {
      this.#descriptions.delete(node);
      return;
    }
    this.#descriptions.set(node, description);
    for (const bindings of Object.values(description.interfaces)) {
      for (const { endpoint } of bindings ?? []) this.#nodeOf.set(endpoint, node);
    }
  }

  agentStatus(agent: AgentId, status: AgentStatus): void {
    this.#agents.set(agent, { ...this.#agents.get(agent), status });
  }

  agentDescription(agent: AgentId, description: AgentDescription): void {
    this.#agents.set(agent, { ...this.#agents.get(agent), description });
  }

  /** Nothing heard before counts any more: the broker went away. */
  forgetSessions(): void {
    for (const [agent, { description }] of this.#agents)
      this.#agents.set(agent, description ? { description } : {});
  }

  see(observation: Observation, receivedMs: number): void {
    this.#seen.set(observation.endpoint, { observation, receivedMs });
  }

  nodes(): NodeId[] {
    return [...this.#descriptions.keys()];
  }

  description(node: NodeId): NodeDescription | undefined {
    return this.#descriptions.get(node);
  }

  nodeOf(endpoint: EndpointId): NodeId | undefined {
    return this.#nodeOf.get(endpoint);
  }

  /** Where an interface of a node is driven from. */
  binding(node: NodeId, kind: InterfaceKind): InterfaceBinding | undefined {
    return this.#descriptions.get(node)?.interfaces[kind]?.[0];
  }

  /** The session of an agent that is there. */
  epoch(agent: AgentId): string | undefined {
    const status = this.#agents.get(agent)?.status;
    return status?.state === "ready" ? status.epoch : undefined;
  }

  /** The last observation of a node's supply, unless it is stale. */
  fresh(node: NodeId, nowMs: number): Observation | undefined {
    const endpoint = this.binding(node, "power")?.endpoint;
    const seen = endpoint && this.#seen.get(endpoint);
    return seen && nowMs - seen.receivedMs <= seen.observation.staleAfterMs
      ? seen.observation
      : undefined;
  }

  capabilities(node: NodeId): Capabilities {
    const capabilities: Partial<Record<InterfaceKind, readonly EndpointAction[]>> = {};
    for (const kind of ["power", "reset", "button"] as const) {
      const binding = this.binding(node, kind);
      const actions = binding && (this.#described(binding)?.actions ?? binding.actions);
      if (actions) capabilities[kind] = actions as readonly EndpointAction[];
    }
    return capabilities;
  }

  known(node: NodeId, nowMs: number): KnownNode | undefined {
    const description = this.#descriptions.get(node);
    if (!description) return undefined;
    const seen = this.fresh(node, nowMs);
    return {
      capabilities: this.capabilities(node),
      supply: seen?.supply ?? "Unknown",
      host: seen?.host ?? "Unknown",
      wake: description.wake,
      trouble: this.#trouble(node),
    };
  }

  #trouble(node: NodeId): KnownNode["trouble"] {
    const binding = this.binding(node, "power");
    if (!binding) return undefined;
    if (this.epoch(binding.agent) === undefined) {
      return {
        reasonCode: "agent-away",
        detail: `agent ${binding.agent} is not connected; check its host and network`,
      };
    }
    const described = this.#described(binding);
    if (!described) {
      return {
        reasonCode: "unknown-endpoint",
        detail: `agent ${binding.agent} has not taken over ${binding.endpoint} yet; its description and log say why`,
      };
    }
    if (described.state === "bound") return undefined;
    return {
      reasonCode: "endpoint-failed",
      detail: `agent ${binding.agent} could not open ${binding.endpoint}: ${described.reason ?? "no reason given"}`,
    };
  }

  #described({ agent, endpoint }: InterfaceBinding): DescribedEndpoint | undefined {
    return this.#agents.get(agent)?.description?.endpoints.find((one) => one.endpoint === endpoint);
  }
}
