import type { NodeId } from "@outrider/contracts/ids";

export interface MenuEntry {
  readonly node: NodeId;
  readonly name: string;
  readonly summary: string;
}

/** What is chosen from a list of consoles, by number, id, name, or a part of them. Pure. */
export type Choice =
  | { readonly kind: "node"; readonly node: NodeId }
  /** These fit; all, where nothing was typed. */
  | { readonly kind: "list"; readonly entries: readonly MenuEntry[] }
  | { readonly kind: "leave" }
  | { readonly kind: "none" };

/** More at once scroll away. */
export const LONGEST_MENU = 40;

/** @param listed what stands on the screen, which numbers count in */
export function choose(
  text: string,
  listed: readonly MenuEntry[],
  all: readonly MenuEntry[],
): Choice {
  const wanted = text.trim().toLowerCase();
  if (wanted === "") return { kind: "list", entries: all };
  if (["q", "quit", "exit"].includes(wanted)) return { kind: "leave" };
  const exact = all.find(({ node }) => node === wanted);
  if (exact) return { kind: "node", node: exact.node };
  const byNumber = /^\d{1,5}$/.test(wanted) ? listed[Number(wanted) - 1] : undefined;
  if (byNumber) return { kind: "node", node: byNumber.node };
  const entries = all.filter(
    ({ node, name }) => node.includes(wanted) || name.toLowerCase().includes(wanted),
  );
  const [only] = entries;
  if (only && entries.length === 1) return { kind: "node", node: only.node };
  return entries.length === 0 ? { kind: "none" } : { kind: "list", entries };
}

/** The list as lines. */
export function menuLines(entries: readonly MenuEntry[]): string[] {
  const shown = entries.slice(0, LONGEST_MENU);
  const width = Math.max(4, ...shown.map(({ node }) => node.length));
  const lines = shown.map(
    ({ node, name, summary }, index) =>
      `${String(index + 1).padStart(4)}  ${node.padEnd(width)}  ${name} (${summary})`,
  );
  const more = entries.length - shown.length;
  return more > 0 ? [...lines, `      and ${more} more; type a part of the name`] : lines;
}
