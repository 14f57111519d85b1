import { foldNodes } from "@outrider/contracts/node-set";
import { plain } from "../plain.js";

/** A line of a console in which something was found. */
export interface Hit {
  readonly node: string;
  readonly at: string;
  readonly line: number;
  readonly text: string;
  readonly before?: readonly string[];
  readonly after?: readonly string[];
}

/** `/re/` or `/re/i` is an expression, anything else a text. */
export function searched(word: string): { readonly q: string } | { readonly regex: string } {
  const [, expression, flag] = /^\/(.+)\/(i?)$/s.exec(word) ?? [];
  if (expression === undefined) return { q: word };
  return { regex: flag === "i" ? `(?i)${expression}` : expression };
}

/** Oldest first, each with its time and node; what a node says again and again is one line with how often. */
export function hitLines(newestFirst: readonly Hit[]): string[] {
  const width = Math.max(0, ...newestFirst.map(({ node }) => node.length));
  const lines: string[] = [];
  let run: { readonly hit: Hit; count: number } | undefined;
  const put = (): void => {
    if (!run) return;
    const { hit, count } = run;
    const { node, at, text, before = [], after = [] } = hit;
    const place = node.padEnd(width);
    const times = count > 1 ? `  (and ${count - 1} more like it)` : "";
    for (const one of before) lines.push(plain(`${" ".repeat(23)}  ${place} - ${one}`));
    lines.push(plain(`${timeText(at)}  ${place}  ${text}${times}`));
    for (const one of after) lines.push(plain(`${" ".repeat(23)}  ${place} - ${one}`));
  };
  for (const hit of newestFirst.toReversed()) {
    if (run && run.hit.node === hit.node && alike(run.hit.text) === alike(hit.text)) run.count += 1;
    else {
      put();
      run = { hit, count: 1 };
    }
  }
  put();
  return lines;
}

/** What is alike on several nodes is one line, with how often and when last; the most frequent first. */
export function foldedHits(hits: readonly Hit[]): string[] {
  const groups = new Map<
    string,
    { readonly nodes: Set<string>; readonly text: string; count: number; last: string }
  >();
  for (const { node, at, text } of hits) {
    const group = groups.get(alike(text)) ?? { nodes: new Set(), text, count: 0, last: at };
    group.nodes.add(node);
    group.count += 1;
    if (at > group.last) group.last = at;
    groups.set(alike(text), group);
  }
  return [...groups.values()]
    .toSorted((a, b) => b.count - a.count)
    .map(({ nodes, text, count, last }) =>
      plain(`${foldNodes(nodes)}: ${count} × ${text} (last ${timeText(last)})`),
    );
}

/** What stands before a kernel's message, and every number, tell one from the other and not what it is. */
function alike(text: string): string {
  return text.replace(/^\[\s*\d+\.\d+\]\s*/, "").replaceAll(/0x[\da-f]+|\d+/gi, "#");
}

function timeText(at: string): string {
  return at.slice(0, 23).replace("T", " ");
}
