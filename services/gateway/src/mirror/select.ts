import { NodeSetError, parseNodeSet, resolveNodeSet } from "@outrider/contracts/node-set";
import { HttpProblem } from "../http/problem.js";
import type { Mirror } from "./mirror.js";

/**
 * The nodes of a node set that there are, in its order.
 * @throws HttpProblem 422 that says what is wrong and where
 */
export function selectNodes(text: string, mirror: Mirror): string[] {
  try {
    const found = resolveNodeSet(parseNodeSet(text), { nodes: mirror.universe() });
    return found.filter((id) => mirror.node(id) !== undefined);
  } catch (error) {
    if (!(error instanceof NodeSetError)) throw error;
    throw new HttpProblem("invalid", error.message, { field: "nodes" });
  }
}
