import { stringify } from "yaml";
import type { Console } from "./console.js";
import { plain, table } from "./plain.js";

export const FORMATS = ["table", "json", "yaml", "name", "jsonl"] as const;
export type Format = (typeof FORMATS)[number];

/** How a list of things is shown to people. */
export interface Columns<T> {
  /** What they are, several: `nodes`. */
  readonly things: string;
  readonly head: readonly string[];
  readonly row: (item: T) => readonly string[];
  /** Lines below the row. */
  readonly under?: (item: T) => string;
  /** What `-o name` prints. */
  readonly name: (item: T) => string;
}

/** Shows a list in the format that was asked for. Nothing that a server said reaches a terminal as it is. */
export function showList<T extends object>(
  items: readonly T[],
  format: Format,
  columns: Columns<T>,
  console: Console,
): void {
  switch (format) {
    case "json":
      return console.out(JSON.stringify(items, undefined, 2));
    case "yaml":
      return console.out(stringify(items).trimEnd());
    case "jsonl":
      for (const item of items) console.out(JSON.stringify(item));
      return;
    case "name":
      for (const item of items) console.out(plain(columns.name(item)));
      return;
    case "table":
      if (items.length === 0) return console.error(`outrider: there are no ${columns.things}`);
      return console.out(tableOf(items, columns));
    default:
      return format satisfies never;
  }
}

function tableOf<T>(items: readonly T[], { head, row, under }: Columns<T>): string {
  const [first = "", ...lines] = table([head, ...items.map((item) => row(item).map(plain))]).split(
    "\n",
  );
  const all = lines.flatMap((line, index) => {
    const item = items[index];
    const told = item === undefined ? "" : (under?.(item).trimEnd() ?? "");
    if (told === "") return [line];
    const below = told.split("\n").map((text) => `    ${plain(text)}`);
    return [line, ...below];
  });
  return [first, ...all].join("\n");
}

/** Shows one thing: as an indented outline for people. */
export function showOne(item: object, format: Format, name: string, console: Console): void {
  switch (format) {
    case "json":
      return console.out(JSON.stringify(item, undefined, 2));
    case "jsonl":
      return console.out(JSON.stringify(item));
    case "name":
      return console.out(plain(name));
    case "yaml":
    case "table":
      return console.out(
        stringify(item)
          .trimEnd()
          .split("\n")
          .map((line) => plain(line))
          .join("\n"),
      );
    default:
      return format satisfies never;
  }
}

/** `3s`, `5m`, `2h`, `4d`; a clock ahead of ours makes nothing younger than now. */
export function ageText(ageMs: number): string {
  const units = [
    ["d", 86_400_000],
    ["h", 3_600_000],
    ["m", 60_000],
  ] as const;
  const unit = units.find(([, ms]) => ageMs >= ms);
  return unit
    ? `${Math.floor(ageMs / unit[1])}${unit[0]}`
    : `${Math.max(0, Math.floor(ageMs / 1000))}s`;
}

/** How long ago a time was; empty for none. */
export function agoText(at: string | undefined, now: Date): string {
  return at === undefined ? "" : ageText(now.getTime() - Date.parse(at));
}
