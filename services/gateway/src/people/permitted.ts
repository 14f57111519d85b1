import type { Right } from "@outrider/contracts/identity";
import { HttpProblem } from "../http/problem.js";
import { foldNodes } from "@outrider/contracts/node-set";
import { selectNodes } from "../mirror/select.js";
import type { GatewayParts } from "../parts.js";
import type { Subject } from "@outrider/identity/subject";

/** What an operation takes as text, in characters. */
const MAX_SET_LENGTH = 32_000;

/**
 * A node set that a subject may act on: as it was written where the subject may act on all nodes, else the very nodes
 * that it means now, so that nothing joins them before the service reads it.
 * @throws HttpProblem 403 that names the first node that is not the subject's, 422 when the set cannot be read
 */
export function permittedSet(
  text: string,
  right: Right,
  subject: Subject,
  { people, mirror }: Pick<GatewayParts, "people" | "mirror">,
): string {
  const nodes = selectNodes(text, mirror);
  if (nodes.length === 0) {
    throw new HttpProblem(
      "invalid",
      "no node of the site is in this node set; GET /api/v1/nodes lists those that are",
      {
        field: "nodes",
      },
    );
  }
  if (subject.nodes === undefined) return text;
  for (const node of nodes) {
    const verdict = people.may(subject, right, node);
    if (verdict !== true) throw new HttpProblem("not-allowed", verdict, { field: "nodes" });
  }
  return foldedList(nodes);
}

/** @throws HttpProblem 413 when folded ids are still too long for a request */
export function foldedList(nodes: readonly string[]): string {
  const folded = foldNodes(nodes);
  if (folded.length <= MAX_SET_LENGTH) return folded;
  throw new HttpProblem(
    "too-large",
    `so many names do not fit into one request, folded they have ${folded.length} characters; use a role or a label, or ask in parts`,
    { field: "nodeIds" },
  );
}
