import type { MeasurementSeries, MeasurementsPage } from "@outrider/contracts/telemetry-pages";
import { ageText, type Columns } from "../output.js";

/** How something was from one time to another. */
export interface StateSpan {
  readonly node: string;
  /** Which heartbeat; undefined where a node has one of it only. */
  readonly of: string | undefined;
  /** `alive`, `supply` */
  readonly field: string;
  readonly from: string;
  /** Undefined: it is so at the end of what was asked for. */
  readonly until: string | undefined;
  readonly ms: number;
  /** Undefined: nothing was told. */
  readonly value: string | undefined;
  /** What else it was for shorter than one point. */
  readonly also: readonly string[];
}

/** Nothing is kept more seldom, but for what nobody looks at. */
const LEAST_GAP_MS = 10 * 60_000;

/** What a word was, and from when to when. */
export const STATE_SPANS: Columns<StateSpan> = {
  things: "states in this time",
  head: ["NODE", "OF", "WHAT", "SINCE", "FOR", "VALUE", "NOTE"],
  name: ({ node, of = "-", field, from }) => `${node}/${of}/${field}/${from}`,
  row: ({ node, of = "-", field, from, ms, value = "nothing was told", until, also }) => [
    node,
    of,
    field,
    from,
    ageText(ms),
    value,
    [
      until === undefined ? "until the end" : "",
      also.length > 0 ? `briefly ${also.join(", ")}` : "",
    ]
      .filter((text) => text !== "")
      .join("; "),
  ],
};

/** The spans of every series whose numbers stand for words, each from its first point on. */
export function spansOf({ series, to, everyMs }: MeasurementsPage): StateSpan[] {
  return series.flatMap((one) => spansIn(one, Date.parse(to), everyMs));
}

function spansIn(
  { node = "-" as never, of, field, codes, points }: MeasurementSeries,
  toMs: number,
  everyMs: number,
): StateSpan[] {
  if (!codes) return [];
  const gapMs = Math.max(LEAST_GAP_MS, everyMs * 3);
  const wordOf = (number: number): string => codes[String(number)] ?? String(number);
  const turns: { atMs: number; value: string | undefined; also: Set<string> }[] = [];
  let lastMs: number | undefined;
  for (const { at, last, min, max } of points) {
    const atMs = Date.parse(at);
    if (lastMs !== undefined && atMs - lastMs > gapMs) {
      turns.push({ atMs: lastMs + everyMs, value: undefined, also: new Set() });
    }
    lastMs = atMs;
    const value = wordOf(last);
    if (turns.at(-1)?.value !== value) turns.push({ atMs, value, also: new Set() });
    for (const other of [wordOf(min), wordOf(max)]) {
      if (other !== value) turns.at(-1)?.also.add(other);
    }
  }
  if (lastMs !== undefined && toMs - lastMs > gapMs) {
    turns.push({ atMs: lastMs + everyMs, value: undefined, also: new Set() });
  }
  return turns.map(({ atMs, value, also }, index) => {
    const next = turns[index + 1];
    // What it was before is told by the span before.
    also.delete(turns[index - 1]?.value ?? "");
    return {
      node,
      of,
      field,
      from: new Date(atMs).toISOString(),
      until: next && new Date(next.atMs).toISOString(),
      ms: Math.max(0, (next?.atMs ?? toMs) - atMs),
      value,
      also: [...also],
    };
  });
}
