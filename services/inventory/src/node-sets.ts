import {
  expandNodes,
  foldNodes,
  NodeSetError,
  parseNodeSet,
  resolveNodeSet,
  type NodeSetExpression,
} from "@outrider/contracts/node-set";
import type { NodeId } from "@outrider/contracts/ids";

/** The nodes of a node set as a site declares them, or why there are none. */
export type Resolved =
  | { readonly ok: true; readonly nodes: NodeId[] }
  | { readonly ok: false; readonly message: string };

export interface KnownNode {
  readonly id: NodeId;
  readonly roles: readonly string[];
  readonly labels: Readonly<Record<string, string>>;
}

/** What a folded set may have where it stands in an answer. */
const MOST_FOLDED = 32_000;

/** Resolves a node set among nodes. A node that is not among them is an error, as is an empty set. */
export function resolveNodes(text: string, universe: ReadonlyMap<NodeId, KnownNode>): Resolved {
  try {
    const expression = parseNodeSet(text);
    const nodes =
      namedOnly(expression, universe) ??
      (resolveNodeSet(expression, { nodes: universe.values() }) as NodeId[]);
    if (nodes.length > 0) return { ok: true, nodes };
    return { ok: false, message: "no node is in this set; expected at least one" };
  } catch (error) {
    if (!(error instanceof NodeSetError)) throw error;
    return { ok: false, message: error.message };
  }
}

/** What a set of names alone comes to, without a look at all the other nodes; undefined when it takes one. */
function namedOnly(
  { text, terms }: NodeSetExpression,
  universe: ReadonlyMap<NodeId, KnownNode>,
): NodeId[] | undefined {
  if (!terms.every(({ term, operator }) => term.kind === "names" && operator === "or")) {
    return undefined;
  }
  const nodes = nodesOfFolded(text);
  return nodes.every((node) => universe.has(node)) ? nodes : undefined;
}

/** The folded form of ids. */
export const foldedNodes: (ids: Iterable<NodeId>) => string = foldNodes;

/** The ids of a folded form that {@link canBeFolded}. */
export function nodesOfFolded(text: string): NodeId[] {
  return expandNodes(text) as NodeId[];
}

/** Whether a set has a folded form that is short enough to be told, and to be read again. */
export function canBeFolded(ids: readonly NodeId[]): boolean {
  const text = foldNodes(ids);
  if (text.length > MOST_FOLDED) return false;
  try {
    return expandNodes(text).length === ids.length;
  } catch (error) {
    if (error instanceof NodeSetError) return false;
    throw error;
  }
}
