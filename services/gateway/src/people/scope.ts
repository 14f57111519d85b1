import type { Subject } from "./people.js";

const scopes = new WeakMap<readonly string[], ReadonlySet<string>>();

/** Whether a node is among those that a subject may see or touch at all. */
export function visibleTo({ nodes }: Subject, node: string): boolean {
  if (nodes === undefined) return true;
  let scope = scopes.get(nodes);
  if (!scope) {
    scope = new Set(nodes);
    scopes.set(nodes, scope);
  }
  return scope.has(node);
}
