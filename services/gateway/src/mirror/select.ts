import { HttpProblem } from "../http/problem.js";
import type { Mirror } from "./mirror.js";

/**
 * The nodes of a node set, in its order.
 * @throws HttpProblem 422 that says what is wrong and where
 */
export function selectNodes(text: string, mirror: Mirror): string[] {
  const known = mirror.nodeIds();
  return text.split(",").flatMap((one) => {
    if (one === "@all") return known;
    if (one.startsWith("@"))
      return known.filter((id) => mirror.node(id)?.description?.value.roles.includes(one.slice(1)));
    if (!known.includes(one)) throw new HttpProblem("invalid", `there is no node ${one}`);
    return [one];
  });
}

export function foldNodes(ids: readonly string[]): string {
  return ids.join(",");
}
