import type { ConsolePolicies, ConsolePolicy } from "@outrider/contracts/console";
import type { AgentId, EndpointId, NodeId } from "@outrider/contracts/ids";
import type { NodeDescription } from "@outrider/contracts/node";
import type { Action } from "@outrider/contracts/power";

/** Where a console is read, and how it is kept. */
export interface Declaration {
  readonly node: NodeId;
  /** For people. */
  readonly name: string;
  readonly agent: AgentId;
  readonly endpoint: EndpointId;
  readonly policy: ConsolePolicy;
  readonly actions: readonly Action[];
  /** Whether the node has an interface to its supply; undefined: kept by a version that did not ask. */
  readonly hasPower?: boolean | undefined;
}

const GIBIBYTE = 1024 ** 3;
const DAY_MS = 86_400_000;

/** What holds for a console that the site says nothing of. */
export function defaultPolicy(agent: AgentId, driver: string): ConsolePolicy {
  return {
    agent,
    driver,
    logMaxBytes: GIBIBYTE / 4,
    logMaxAgeMs: 90 * DAY_MS,
    writerIdleMs: 0,
    sessionIdleMs: 0,
    pasteLineMs: 0,
    pasteCharacterMs: 0,
    breakSequences: {},
  };
}

/**
 * Which nodes have a console, as the site declares it: heard on the bus, and remembered for as long as the bus is away.
 * Silence takes no console away; only a description that says so, or that is taken back, does. Pure.
 */
export class DeclaredConsoles {
  readonly #descriptions = new Map<NodeId, NodeDescription>();
  readonly #remembered = new Map<NodeId, Declaration>();
  #policies: ConsolePolicies | undefined;

  /** What was known before this process; what was heard in it is newer. */
  remember(declarations: Iterable<Declaration>, policies?: ConsolePolicies): void {
    for (const one of declarations) this.#remembered.set(one.node, one);
    this.#policies ??= policies;
  }

  describe(node: NodeId, description: NodeDescription): void {
    this.#descriptions.set(node, description);
  }

  /** The node is gone. */
  forget(node: NodeId): void {
    this.#descriptions.delete(node);
    this.#remembered.delete(node);
  }

  take(policies: ConsolePolicies): void {
    this.#policies = policies;
  }

  get policies(): ConsolePolicies | undefined {
    return this.#policies;
  }

  nameOf(node: NodeId): string {
    return this.#descriptions.get(node)?.name ?? this.#remembered.get(node)?.name ?? node;
  }

  /** All of them, in the order of their ids. */
  all(): Declaration[] {
    const nodes = new Set([...this.#descriptions.keys(), ...this.#remembered.keys()]);
    return [...nodes]
      .toSorted((a, b) => (a < b ? -1 : 1))
      .flatMap((node) => {
        const one = this.of(node);
        return one ? [one] : [];
      });
  }

  of(node: NodeId): Declaration | undefined {
    const description = this.#descriptions.get(node);
    const remembered = this.#remembered.get(node);
    const policy = this.#policyOf(node);
    if (!description) return remembered && { ...remembered, ...(policy && { policy }) };
    const [binding] = description.interfaces.console ?? [];
    if (!binding) return undefined;
    const { agent, endpoint, driver } = binding;
    return {
      node,
      name: description.name,
      agent,
      endpoint,
      policy: policy ?? remembered?.policy ?? defaultPolicy(agent, driver),
      actions: description.supportedActions,
      hasPower: (description.interfaces.power ?? []).length > 0,
    };
  }

  #policyOf(node: NodeId): ConsolePolicy | undefined {
    const nodes = this.#policies?.nodes;
    return nodes && Object.hasOwn(nodes, node) ? nodes[node] : undefined;
  }
}
