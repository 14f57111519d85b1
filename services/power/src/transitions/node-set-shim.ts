export class NodeSetError extends Error {
  override readonly name = "NodeSetError";
  readonly column = 1;
  readonly expected = "";
}
export interface NodeSetExpression {
  readonly text: string;
}
export function parseNodeSet(text: string): NodeSetExpression {
  if (text === "") throw new NodeSetError("empty");
  return { text };
}
export function expandNodes(text: string): string[] {
  return text.split(/,(?![^[]*\])/).flatMap((t) => {
    const m = /^(.*)\[(\d+)-(\d+)\](.*)$/.exec(t);
    if (!m) return [t];
    const out: string[] = [];
    for (let i = Number(m[2]); i <= Number(m[3]); i++) out.push(`${m[1]}${i}${m[4]}`);
    return out;
  });
}
export function resolveNodeSet(
  e: NodeSetExpression,
  universe: {
    nodes: Iterable<{
      id: string;
      roles: readonly string[];
      labels: Readonly<Record<string, string>>;
    }>;
  },
): string[] {
  if (e.text === "@all") return [...universe.nodes].map((n) => n.id);
  if (e.text.startsWith("@"))
    return [...universe.nodes].filter((n) => n.roles.includes(e.text.slice(1))).map((n) => n.id);
  return expandNodes(e.text);
}
export function foldNodes(ids: Iterable<string>): string {
  return [...ids].join(",");
}
