import { foldNodes } from "@outrider/contracts/node-set";
import type { NodeView } from "./node-rows.js";
import { plain } from "./plain.js";

/** Nodes that are in one state, on one line each; those of which nothing fresh is known last (P9). */
export function foldedNodes(nodes: readonly NodeView[]): string[] {
  const groups = new Map<string, { readonly ids: string[]; readonly isFresh: boolean }>();
  for (const { id, supply, host } of nodes) {
    const isFresh = supply !== undefined && !supply.stale && host?.stale !== true;
    const values = `${supply?.value ?? "-"}/${host?.value ?? "-"}`;
    const text = supply === undefined ? "never heard" : isFresh ? values : `stale (was ${values})`;
    const group = groups.get(text) ?? { ids: [], isFresh };
    group.ids.push(id);
    groups.set(text, group);
  }
  return [...groups]
    .toSorted(([, a], [, b]) => Number(b.isFresh) - Number(a.isFresh))
    .map(([text, { ids }]) => plain(`${foldNodes(ids)}: ${text}`));
}
