/** The nodes of a node set as a site declares them, or why there are none. */
export type Resolved =
  | { readonly ok: true; readonly nodes: string[] }
  | { readonly ok: false; readonly message: string };

export interface KnownNode {
  readonly id: string;
  readonly roles: readonly string[];
  readonly labels: Readonly<Record<string, string>>;
}

/** Resolves a node set among nodes. A node that is not among them is an error, as is an empty set. */
export function resolveNodes(text: string, universe: readonly KnownNode[]): Resolved {
  const known = new Map(universe.map((n, i) => [n.id, i]));
  const out = new Set<string>();
  for (const part of text.split(/,(?![^[]*\])/)) {
    if (part.startsWith("@")) {
      for (const n of universe)
        if (part === "@all" || n.roles.includes(part.slice(1))) out.add(n.id);
    } else if (part.includes("=")) {
      const [k = "", v] = part.split("=");
      for (const n of universe) if (n.labels[k] === v) out.add(n.id);
    } else {
      const m = /^(.*)\[(\d+)-(\d+)\](.*)$/.exec(part);
      const ids = m
        ? Array.from(
            { length: Number(m[3]) - Number(m[2]) + 1 },
            (_, i) =>
              `${m[1]}${String(Number(m[2]) + i).padStart((m[2] ?? "").length, "0")}${m[4]}`,
          )
        : [part];
      for (const id of ids) {
        if (!known.has(id)) return { ok: false, message: `there is no node ${id}` };
        out.add(id);
      }
    }
  }
  if (out.size === 0) return { ok: false, message: "the set is empty; expected at least one node" };
  return { ok: true, nodes: [...out] };
}

/** The folded form of plain ids. */
export function foldedNodes(ids: readonly string[]): string {
  return ids.join(",");
}

/** The ids of a folded form. */
export function nodesOfFolded(text: string): string[] {
  return text === "" ? [] : text.split(",");
}
