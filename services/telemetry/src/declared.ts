import type { AgentDesired } from "@outrider/contracts/agent";
import type { AgentId, EndpointId, NodeId } from "@outrider/contracts/ids";

/** A sensor or a heartbeat as inventory has declared it. */
export interface DeclaredSource {
  readonly endpoint: EndpointId;
  readonly agent: AgentId;
  readonly node: NodeId;
  readonly kind: "sensor" | "heartbeat";
  readonly name: string;
  readonly driver: string;
  readonly staleAfterMs: number;
}

/** Which sensors and heartbeats there are, and which agent may speak for each: what inventory wants agents to be. */
export class Declared {
  readonly #ofAgent = new Map<AgentId, readonly DeclaredSource[]>();
  readonly #sources = new Map<EndpointId, DeclaredSource>();
  readonly #ofNode = new Map<NodeId, readonly DeclaredSource[]>();

  source(endpoint: EndpointId): DeclaredSource | undefined {
    return this.#sources.get(endpoint);
  }

  of(node: NodeId): readonly DeclaredSource[] {
    return this.#ofNode.get(node) ?? [];
  }

  /** @returns the nodes of which something is another than before */
  declare(agent: AgentId, desired: AgentDesired | undefined): ReadonlySet<NodeId> {
    const before = this.#ofAgent.get(agent) ?? [];
    const sources = (desired?.endpoints ?? []).flatMap((one) => sourceOf(agent, one));
    this.#ofAgent.set(agent, sources);
    for (const { endpoint } of before) {
      if (this.#sources.get(endpoint)?.agent === agent) this.#sources.delete(endpoint);
    }
    for (const source of sources) this.#sources.set(source.endpoint, source);
    const touched = new Set([...before, ...sources].map(({ node }) => node));
    for (const node of touched) {
      const others = this.of(node).filter((source) => source.agent !== agent);
      const all = [...others, ...sources.filter((source) => source.node === node)];
      if (all.length > 0) this.#ofNode.set(node, all);
      else this.#ofNode.delete(node);
    }
    return touched;
  }
}

function sourceOf(
  agent: AgentId,
  { endpoint, node, port: kind, driver, staleAfterMs }: AgentDesired["endpoints"][number],
): DeclaredSource[] {
  if (kind !== "sensor" && kind !== "heartbeat") return [];
  // `<node>.sensor.<name>`
  const name = endpoint.slice(node.length + kind.length + 2);
  return [{ endpoint, agent, node, kind, name, driver, staleAfterMs }];
}
