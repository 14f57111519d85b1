import type {
  AgentDescription,
  AgentStatus,
  DescribedEndpoint,
  EndpointAction,
  Observation,
} from "@outrider/contracts/agent";
import type { ConsoleState } from "@outrider/contracts/console";
import type { AgentId, EndpointId, InterfaceKind, NodeId } from "@outrider/contracts/ids";
import type { Capabilities } from "@outrider/contracts/ladder";
import type { InterfaceBinding, NodeDescription } from "@outrider/contracts/node";
import type { KnownNode } from "./admission.js";
import { ConsoleEvidence, type HostSeen } from "./console-evidence.js";

/** An observation and when it reached us, by our monotonic clock. */
export interface Seen {
  readonly observation: Observation;
  readonly receivedMs: number;
}

interface Agent {
  readonly status?: AgentStatus;
  /** What it described, by endpoint. */
  readonly endpoints?: ReadonlyMap<EndpointId, DescribedEndpoint>;
}

/** What this service knows of nodes and agents, all of it heard on the bus. */
export class Nodes {
  readonly #descriptions = new Map<NodeId, NodeDescription>();
  readonly #agents = new Map<AgentId, Agent>();
  readonly #seen = new Map<EndpointId, Seen>();
  readonly #nodeOf = new Map<EndpointId, NodeId>();
  readonly #ofRole = new Map<string, Set<NodeId>>();
  readonly #ofAgent = new Map<AgentId, Set<NodeId>>();
  readonly #consoles = new ConsoleEvidence();

  describe(node: NodeId, description: NodeDescription | undefined): void {
    this.#forget(node);
    if (!description) return;
    this.#descriptions.set(node, description);
    for (const role of description.roles) gather(this.#ofRole, role, node);
    for (const { endpoint, agent } of bindingsOf(description)) {
      this.#nodeOf.set(endpoint, node);
      gather(this.#ofAgent, agent, node);
    }
  }

  #forget(node: NodeId): void {
    const before = this.#descriptions.get(node);
    if (!before) return;
    this.#descriptions.delete(node);
    for (const role of before.roles) this.#ofRole.get(role)?.delete(node);
    for (const { endpoint, agent } of bindingsOf(before)) {
      if (this.#nodeOf.get(endpoint) === node) this.#nodeOf.delete(endpoint);
      this.#ofAgent.get(agent)?.delete(node);
    }
  }

  agentStatus(agent: AgentId, status: AgentStatus): void {
    this.#agents.set(agent, { ...this.#agents.get(agent), status });
  }

  agentDescription(agent: AgentId, description: AgentDescription): void {
    const endpoints = new Map(description.endpoints.map((one) => [one.endpoint, one]));
    this.#agents.set(agent, { ...this.#agents.get(agent), endpoints });
  }

  /** Nothing heard before counts any more: the broker went away. */
  forgetSessions(): void {
    for (const [agent, { endpoints }] of this.#agents)
      this.#agents.set(agent, endpoints ? { endpoints } : {});
  }

  /** @param ageMs how old it was when it was received */
  seeConsole(node: NodeId, state: ConsoleState | undefined, receivedMs: number, ageMs = 0): void {
    this.#consoles.see(node, state, receivedMs, ageMs);
  }

  see(observation: Observation, receivedMs: number): void {
    this.#seen.set(observation.endpoint, { observation, receivedMs });
  }

  nodes(): NodeId[] {
    return [...this.#descriptions.keys()];
  }

  /** What node sets are resolved against. */
  universe(): { readonly nodes: Iterable<Pick<NodeDescription, "id" | "roles" | "labels">> } {
    return { nodes: this.#descriptions.values() };
  }

  /** Nodes that have a role. */
  ofRole(role: string): Iterable<NodeId> {
    return this.#ofRole.get(role) ?? [];
  }

  /** Nodes that have an interface on an agent. */
  ofAgent(agent: AgentId): Iterable<NodeId> {
    return this.#ofAgent.get(agent) ?? [];
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

  /**
   * What a node's host does: as its supply's driver says, else as its console shows. Undefined where neither was heard
   * lately.
   */
  host(node: NodeId, nowMs: number): HostSeen | undefined {
    const seen = this.fresh(node, nowMs);
    const driver = seen && {
      value: seen.host,
      evidence: seen.hostEvidence,
      since: seen.hostSince,
      observedAt: seen.observedAt,
      staleAfterMs: seen.staleAfterMs,
    };
    if (driver && driver.value !== "Unknown") return driver;
    // What the console showed before the supply was last switched is over, and that is not known while it is not seen.
    if (!seen && this.binding(node, "power")) return undefined;
    return this.#consoles.host(node, nowMs, seen) ?? driver;
  }

  /** When the measurement came that says a node is off; undefined where it is not known to be. */
  offSinceMs(node: NodeId, nowMs: number): number | undefined {
    const endpoint = this.binding(node, "power")?.endpoint;
    const seen = endpoint && this.#seen.get(endpoint);
    if (seen?.observation.supply !== "Off") return undefined;
    return nowMs - seen.receivedMs <= seen.observation.staleAfterMs ? seen.receivedMs : undefined;
  }

  capabilities(node: NodeId): Capabilities {
    const capabilities: Partial<Record<InterfaceKind, readonly EndpointAction[]>> = {};
    for (const kind of ["power", "reset", "button", "console"] as const) {
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
      host: this.host(node, nowMs)?.value ?? "Unknown",
      wake: description.wake,
      trouble: this.trouble(node, "power"),
      consoleTrouble: this.trouble(node, "console"),
    };
  }

  /** Why an interface of a node cannot be used now. Undefined: it can, or there is none. */
  trouble(node: NodeId, kind: "power" | "console"): KnownNode["trouble"] {
    const binding = this.binding(node, kind);
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
    return this.#agents.get(agent)?.endpoints?.get(endpoint);
  }
}

function bindingsOf({ interfaces }: NodeDescription): InterfaceBinding[] {
  return Object.values(interfaces).flatMap((bindings) => bindings ?? []);
}

function gather<K, V>(sets: Map<K, Set<V>>, key: K, value: V): void {
  const set = sets.get(key);
  if (set) set.add(value);
  else sets.set(key, new Set([value]));
}
