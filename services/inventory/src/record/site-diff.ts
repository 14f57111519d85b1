import { nodeId } from "@outrider/contracts/ids";
import type { SiteChange } from "@outrider/contracts/inventory";
import { canonical } from "../canonical.js";
import { withoutSecrets } from "../concealed.js";
import { foldedNodes } from "../node-sets.js";
import { pathText, type SitePath } from "../site-problem.js";

/** What a reader can take in, and an answer can hold. */
const MOST_CHANGES = 10_000;
const MOST_TEXT = 500;

type Kind = SiteChange["kind"];

interface Difference {
  readonly kind: Kind;
  readonly path: SitePath;
  readonly before?: string;
  readonly after?: string;
}

/**
 * What differs between two sites as their files say it, by path. What is the same for many nodes is one change with
 * the nodes folded, and so are nodes that came or went.
 */
export function diffSites(before: unknown, after: unknown): SiteChange[] {
  const found: Difference[] = [];
  differ(before, after, [], found);
  const others = found.filter(({ path }) => path[0] !== "nodes" || path.length < 2);
  const ofNodes = Map.groupBy(
    found.filter(({ path }) => path[0] === "nodes" && path.length >= 2),
    groupOf,
  );
  return [...others.map(changeOf), ...[...ofNodes.values()].map(folded)].slice(0, MOST_CHANGES);
}

function differ(before: unknown, after: unknown, path: SitePath, found: Difference[]): void {
  if (before === after) return;
  if (isMap(before) && isMap(after)) {
    for (const [key, value] of Object.entries(before)) {
      const at = [...path, key];
      if (Object.hasOwn(after, key)) differ(value, after[key], at, found);
      else found.push({ kind: "removed", path: at, before: told(value, at) });
    }
    for (const [key, value] of Object.entries(after)) {
      if (!Object.hasOwn(before, key)) {
        const at = [...path, key];
        found.push({ kind: "added", path: at, after: told(value, at) });
      }
    }
    return;
  }
  if (canonical(before ?? null) === canonical(after ?? null)) return;
  found.push({ kind: "changed", path, before: told(before, path), after: told(after, path) });
}

/** As it is told, without secrets that somebody wrote in place of references. */
function told(value: unknown, path: SitePath): string {
  return canonical(withoutSecrets(value ?? null, path));
}

function isMap(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Whole nodes go together however they differ; below a node, what changed alike. */
function groupOf({ kind, path, before, after }: Difference): string {
  if (path.length === 2) return kind;
  return canonical([kind, path.slice(2), before ?? null, after ?? null]);
}

function folded(group: readonly Difference[]): SiteChange {
  const [first] = group;
  if (!first) throw new TypeError("a group has members");
  if (group.length === 1) return changeOf(first);
  const nodes = foldedNodes(group.map(({ path }) => nodeId(String(path[1]))));
  const below = first.path.slice(2);
  const path = `nodes.${nodes}${below.length === 0 ? "" : `.${pathText(below)}`}`;
  if (below.length > 0) return { ...changeOf(first), path: cut(path) };
  const count = `${group.length} nodes`;
  return first.kind === "removed"
    ? { kind: "removed", path: cut(path), before: count }
    : { kind: first.kind, path: cut(path), after: count };
}

function changeOf({ kind, path, before, after }: Difference): SiteChange {
  return {
    kind,
    path: cut(pathText(path)),
    ...(before === undefined ? {} : { before: cut(before) }),
    ...(after === undefined ? {} : { after: cut(after) }),
  };
}

function cut(text: string): string {
  if (text.length <= MOST_TEXT) return text;
  // Never half of a surrogate pair.
  return `${text.slice(0, MOST_TEXT - 1).replace(/[\uD800-\uDBFF]$/, "")}…`;
}
