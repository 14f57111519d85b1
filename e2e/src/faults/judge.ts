import { isTerminal, type Action, type PowerResult } from "@outrider/contracts/power";
import { eventually } from "@outrider/testing/eventually";
import { expect } from "vitest";
import type { NodeUnderTest } from "../node-under-test.js";

/** The actions of the matrix. Each has a node of its own, called after it in small letters. */
export const MATRIX_ACTIONS = ["On", "ForceOff", "PowerCycle", "GracefulShutdown"] as const;
export type MatrixAction = (typeof MATRIX_ACTIONS)[number];

export function nodeOf(action: MatrixAction): string {
  return action.toLowerCase();
}

/** Codes that say that nothing was done. */
const NOTHING_DONE: readonly (string | undefined)[] = [
  "stale-epoch",
  "expired",
  "clock-unknown",
  "busy",
  "agent-away",
  "retained",
];

/**
 * The terminal result of a command, as long as it may take. A listener that was away with the broker may have missed
 * it: it then sees in the node's state that the command has ended, and asks under the same id again.
 */
export async function lastWord(
  node: NodeUnderTest,
  action: MatrixAction,
  id: string,
): Promise<PowerResult> {
  const isHeard = (): boolean => node.results().some((one) => one.terminal && one.id === id);
  const isEnded = (): boolean => {
    const last = node.state?.lastCommand;
    return last?.id === id && isTerminal(last.status);
  };
  await eventually(`${action} ${id} ends`, () => isHeard() || isEnded(), { withinMs: 90_000 });
  if (!isHeard()) await node.ask(action, { id });
  return node.outcome(id);
}

/** What happened to a machine, counted. */
export interface Edges {
  readonly on: number;
  readonly off: number;
  readonly press: number;
  readonly other: number;
}

export async function edgesOf(node: NodeUnderTest): Promise<Edges> {
  const edges = { on: 0, off: 0, press: 0, other: 0 };
  for (const { edge } of await node.edges()) {
    if (edge === "supply-on") edges.on += 1;
    else if (edge === "supply-off") edges.off += 1;
    else if (edge === "press") edges.press += 1;
    else if (edge !== "halted") edges.other += 1;
  }
  return edges;
}

/** Makes the machine what the action needs, past everything of ours, and waits until that is known. */
export async function prepare(node: NodeUnderTest, action: Action, rack: Rack): Promise<void> {
  // A host that has halted starts again with its supply only.
  const isHalted = (await node.slotView()).host === "halted";
  if (isHalted) await rack.client.supply(node.slot, false);
  await rack.client.supply(node.slot, action !== "On");
  if (action === "On") await node.settles("Off");
  else await node.settles("On", "Running");
}

type Rack = { readonly client: { supply(slot: number, on: boolean): Promise<unknown> } };

/**
 * P1, P4 and P5 on the edges of the machine: nothing was done twice, no cycle leaves the node off, and the one terminal
 * result says what happened.
 */
export async function judge(
  node: NodeUnderTest,
  action: MatrixAction,
  result: PowerResult,
): Promise<string> {
  const edges = await edgesOf(node);
  const { status, reasonCode } = result;
  const said = `${status}${reasonCode ? `/${reasonCode}` : ""}`;
  const what = `${action} ended as ${said}: ${result.detail ?? ""} ${JSON.stringify(edges)}`;
  const { on, off, press, other } = edges;
  const wrong: string[] = [];
  const must = (isSo: boolean, rule: string): void => {
    if (!isSo) wrong.push(rule);
  };
  must(other === 0, "nothing else happens to the machine");
  must(node.terminals()[result.id] === 1, "one terminal result");
  const done = status === "Succeeded";
  if (NOTHING_DONE.includes(reasonCode))
    must(on + off + press === 0, "nothing was done, as was said");
  switch (action) {
    case "On":
      must(on <= 1 && off === 0 && press === 0, "switched on once at most");
      if (done) must(on === 1, "switched on");
      break;
    case "ForceOff":
      must(off <= 1 && on === 0 && press === 0, "switched off once at most");
      if (done) must(off === 1, "switched off");
      break;
    case "PowerCycle":
      must(off <= 1 && press === 0, "cycled once at most");
      must(on === off && (await node.slotView()).supply === "on", "not left off");
      if (done) must(off === 1, "cycled");
      break;
    case "GracefulShutdown":
      must(press <= 1 && on === 0, "pressed once at most");
      if (done) must(press === 1, "pressed");
      break;
    default:
      action satisfies never;
  }
  expect([what, ...wrong]).toEqual([what]);
  await node.settles((await node.slotView()).supply === "on" ? "On" : "Off");
  return `${said} ${marks(edges)}`;
}

function marks({ on, off, press }: Edges): string {
  const parts = [press && `${press}×press`, off && `${off}×off`, on && `${on}×on`];
  return parts.filter(Boolean).join(" ") || "no edge";
}

/** What came of each cell, for people to read at the end. */
export class Matrix {
  readonly #cells = new Map<string, Map<string, string>>();

  constructor(private readonly title: string) {}

  set(row: string, column: string, text: string): void {
    const cells = this.#cells.get(row) ?? new Map<string, string>();
    this.#cells.set(row, cells.set(column, text));
  }

  print(): void {
    const columns = [...new Set([...this.#cells.values()].flatMap((row) => [...row.keys()]))];
    const rows = [...this.#cells].map(([name, cells]) => [
      name,
      ...columns.map((column) => cells.get(column) ?? "–"),
    ]);
    const table = [[this.title, ...columns], ...rows];
    const widths = columns.map((_, at) =>
      Math.max(...table.map((row) => row[at + 1]?.length ?? 0)),
    );
    const first = Math.max(...table.map(([name]) => name?.length ?? 0));
    const lines = table.map((row) =>
      row.map((cell, at) => cell.padEnd(at === 0 ? first : (widths[at - 1] ?? 0))).join("  "),
    );
    process.stdout.write(`\n${lines.join("\n")}\n`);
  }
}
