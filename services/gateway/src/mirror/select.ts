import { NodeSetError, parseNodeSet, resolveNodeSet } from "@outrider/contracts/node-set";
import { HttpProblem } from "../http/problem.js";
import { isVisibleTo, type Subject } from "@outrider/identity/subject";
import type { Mirror } from "./mirror.js";

/**
 * The nodes of a node set that there are, in its order.
 * @param viewer for whom there are no others than those that it may see. Default: all are there
 * @throws HttpProblem 422 that says what is wrong and where
 */
export function selectNodes(
  text: string,
  mirror: Mirror,
  viewer: Pick<Subject, "nodes"> = {},
): string[] {
  try {
    const nodes = [...mirror.universe()].filter(({ id }) => isVisibleTo(viewer, id));
    const found = resolveNodeSet(parseNodeSet(text), { nodes });
    return found.filter((id) => mirror.node(id) !== undefined);
  } catch (error) {
    if (!(error instanceof NodeSetError)) throw error;
    throw new HttpProblem("invalid", error.message, { field: "nodes" });
  }
}
