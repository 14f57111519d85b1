import type { AgentDescription, AgentStatus } from "@outrider/contracts/agent";
import type { AgentId, EndpointId, NodeId } from "@outrider/contracts/ids";
import type { NodeDescription } from "@outrider/contracts/node";

/** Whether nodes can be managed: the agent of a node's supply is there, and has its endpoint. */
export class Management {
  readonly #descriptions = new Map<NodeId, NodeDescription>();
  readonly #ready = new Set<AgentId>();
  readonly #bound = new Map<AgentId, ReadonlySet<EndpointId>>();
  readonly #suppliedBy = new Map<AgentId, Set<NodeId>>();

  describe(node: NodeId, description: NodeDescription | undefined): void {
    const before = this.#descriptions.get(node)?.interfaces.power?.[0]?.agent;
    if (before !== undefined) this.#suppliedBy.get(before)?.delete(node);
    if (!description) return void this.#descriptions.delete(node);
    this.#descriptions.set(node, description);
    const agent = description.interfaces.power?.[0]?.agent;
    if (agent === undefined) return;
    const nodes = this.#suppliedBy.get(agent) ?? new Set();
    this.#suppliedBy.set(agent, nodes.add(node));
  }

  agentStatus(agent: AgentId, { state }: AgentStatus): void {
    if (state === "ready") this.#ready.add(agent);
    else this.#ready.delete(agent);
  }

  agentDescription(agent: AgentId, { endpoints }: AgentDescription): void {
    const bound = endpoints.filter(({ state }) => state === "bound");
    this.#bound.set(agent, new Set(bound.map(({ endpoint }) => endpoint)));
  }

  /** Nothing heard before counts any more: the broker went away. */
  forgetSessions(): void {
    this.#ready.clear();
  }

  isThere(agent: AgentId): boolean {
    return this.#ready.has(agent);
  }

  knows(node: NodeId): boolean {
    return this.#descriptions.has(node);
  }

  nodes(): Iterable<NodeId> {
    return this.#descriptions.keys();
  }

  /** Nodes whose supply hangs on an agent. */
  suppliedBy(agent: AgentId): Iterable<NodeId> {
    return this.#suppliedBy.get(agent) ?? [];
  }

  of(node: NodeId): "Available" | "Unavailable" {
    const binding = this.#descriptions.get(node)?.interfaces.power?.[0];
    if (!binding || !this.#ready.has(binding.agent)) return "Unavailable";
    return this.#bound.get(binding.agent)?.has(binding.endpoint) ? "Available" : "Unavailable";
  }
}
