import type { Right } from "@outrider/contracts/identity";
import type { Subject } from "@outrider/identity/subject";
import { HttpProblem } from "../http/problem.js";
import { selectNodes } from "../mirror/select.js";
import type { GatewayParts } from "../parts.js";

type Parts = Pick<GatewayParts, "people" | "mirror">;

/** Ids that go into one request to the console service, which is a message. */
const CHUNK = 500;

/**
 * The nodes of a set at whose consoles somebody may do something; nodes that are not theirs are not there.
 * @param text undefined: all nodes
 * @returns undefined: all that there are, without bound
 * @throws HttpProblem 422 when the set cannot be read
 */
export function permittedNodes(
  text: string | undefined,
  right: Right,
  subject: Subject,
  { people, mirror }: Parts,
): readonly string[] | undefined {
  if (text === undefined && subject.nodes === undefined) return undefined;
  const nodes = text === undefined ? mirror.nodeIds() : selectNodes(text, mirror, subject);
  return nodes.filter((node) => people.may(subject, right, node) === true);
}

/** In pieces that fit into a message each; one piece without nodes where there is no bound. */
export function chunksOf(nodes: readonly string[] | undefined): (readonly string[] | undefined)[] {
  if (nodes === undefined) return [undefined];
  const count = Math.ceil(nodes.length / CHUNK);
  return Array.from({ length: count }, (_, index) =>
    nodes.slice(index * CHUNK, (index + 1) * CHUNK),
  );
}

/** Refuses what somebody may see and not do. @throws HttpProblem 403 */
export function checkMay(subject: Subject, right: Right, node: string, { people }: Parts): void {
  const verdict = people.may(subject, right, node);
  if (verdict !== true) throw new HttpProblem("not-allowed", verdict, { field: "node" });
}
