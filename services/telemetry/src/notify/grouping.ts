import type { Cause, Change } from "./message.js";

/** Changes that are told together, and what they have in common; undefined: it is one alone. */
export interface Group {
  readonly changes: readonly Change[];
  readonly cause: Cause | undefined;
}

/** Of two causes that explain as much, the nearer to the wires. */
const ORDER = ["agent", "domain", "rule"] as const;

/**
 * As few groups as it takes for what has one cause to be told once: again and again the agent, domain or rule that
 * most of what is left has in common. What is over is told apart from what is not. Pure.
 */
export function groupsOf(changes: readonly Change[]): Group[] {
  const over = changes.filter(({ what }) => what === "over");
  const still = changes.filter(({ what }) => what === "still");
  const raised = changes.filter(({ what }) => what === "raised");
  return [raised, over, still].flatMap(grouped);
}

function grouped(changes: readonly Change[]): Group[] {
  const groups: Group[] = [];
  let left = changes;
  while (left.length > 0) {
    const cause = largest(left);
    if (!cause) break;
    groups.push({ changes: left.filter((one) => has(one, cause)), cause });
    left = left.filter((one) => !has(one, cause));
  }
  return [...groups, ...left.map((one) => ({ changes: [one], cause: undefined }))];
}

function largest(changes: readonly Change[]): Cause | undefined {
  let best: { readonly cause: Cause; readonly count: number } | undefined;
  for (const kind of ORDER) {
    const counts = new Map<string, number>();
    for (const change of changes) {
      const id = idOf(change, kind);
      if (id !== undefined) counts.set(id, (counts.get(id) ?? 0) + 1);
    }
    for (const [id, count] of counts) {
      if (count > (best?.count ?? 1)) best = { cause: { kind, id }, count };
    }
  }
  return best?.cause;
}

function has(change: Change, { kind, id }: Cause): boolean {
  return idOf(change, kind) === id;
}

function idOf({ alarm }: Change, kind: Cause["kind"]): string | undefined {
  return kind === "rule" ? alarm.rule : alarm.place[kind];
}
