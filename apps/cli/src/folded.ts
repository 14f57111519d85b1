import { foldNodes } from "@outrider/contracts/node-set";
import type { TransitionTask } from "@outrider/contracts/transition";
import { plain } from "./plain.js";

/**
 * Nodes that fared alike, on one line each, as `clush -b` gathers them: those that went wrong last, where they are
 * read. What differs only in a node's own name or in a time counts as alike.
 */
export function foldedTasks(tasks: readonly TransitionTask[], nodesOnly = false): string[] {
  const groups = new Map<
    string,
    { readonly nodes: string[]; readonly text: string; wrong: number }
  >();
  for (const { node, state, reasonCode, detail } of tasks) {
    const what = reasonCode === undefined ? state : `${state}/${reasonCode}`;
    const why = detail === undefined || nodesOnly ? "" : `: ${detail}`;
    const key = what + alike(why, node);
    const group = groups.get(key);
    if (group) group.nodes.push(node);
    else groups.set(key, { nodes: [node], text: what + why, wrong: state === "Succeeded" ? 0 : 1 });
  }
  return [...groups.values()]
    .toSorted((a, b) => a.wrong - b.wrong)
    .map(({ nodes, text }) => plain(`${foldNodes(nodes)}: ${text}`));
}

function alike(text: string, node: string): string {
  return text.replaceAll(node, "…").replaceAll(/\d+/g, "#");
}
