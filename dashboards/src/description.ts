import type { Match, Query, Tier } from "./query.js";

/** What a dashboard shows, for every store alike. */

/** A colour from a value upwards; the first has none and holds below all others. */
export interface Step {
  readonly from?: number;
  readonly color: string;
}

/** What numbers that stand for words are shown as. */
export type Words = Readonly<Record<number, { readonly text: string; readonly color: string }>>;

/** How numbers of a query are shown. */
export interface Look {
  /** As Grafana names it. */
  readonly unit?: string;
  readonly words?: Words;
  readonly steps?: readonly Step[];
}

/** A query in a panel. In a table it is a column, in a stat a figure. */
export interface Shown extends Look {
  readonly query: Query;
  /** Of the column. */
  readonly name?: string;
}

/**
 * - `lines`: values over time
 * - `bars`: what is counted, over time
 * - `timeline`: states over time, one lane each
 * - `stat`: figures of now
 * - `table`: one row for each node, or whatever the columns have in common
 */
export type View = "lines" | "bars" | "timeline" | "stat" | "table";

export interface PanelDescription extends Look {
  readonly title: string;
  /** What to make of it, for whoever sees it first at three in the morning. */
  readonly description: string;
  readonly view: View;
  /** Of 24 columns. */
  readonly width: number;
  readonly height: number;
  readonly shows: readonly Shown[];
  /** Least distance of two points. Needed where series are added up, as each must have a point in each interval. */
  readonly everyAtLeast?: string;
  readonly stacked?: boolean;
  readonly min?: number;
  readonly max?: number;
}

export interface RowDescription {
  readonly title: string;
  readonly collapsed?: boolean;
  readonly panels: readonly PanelDescription[];
}

export const VARIABLES = {
  node: { label: "Node", measurement: "node_state", field: "supply" },
  domain: { label: "Power domain", measurement: "domain_power", field: "drawWatts" },
  agent: { label: "Agent", measurement: "agent_clock", field: "offsetSeconds" },
} as const;
export type Variable = keyof typeof VARIABLES;

/** Marks in all panels that show something over time. */
export interface AnnotationDescription {
  readonly name: string;
  readonly color: string;
  readonly kinds: string;
}

export interface DashboardDescription {
  /** Ends its uid. */
  readonly key: string;
  readonly title: string;
  readonly description: string;
  readonly variables: readonly Variable[];
  /** Whether power actions, boots and alarms of the chosen nodes are marked. */
  readonly annotations: boolean;
  /** How far back it looks at first, as `24h`. */
  readonly span: string;
  /** What it looks at where a store keeps raw values for days only. Default: raw values. */
  readonly tier?: Tier;
  readonly rows: readonly RowDescription[];
}

/** What is chosen in a variable. */
export function chosen<V extends Variable>(variable: V): Record<V, Match> {
  return { [variable]: { variable } } as unknown as Record<V, Match>;
}

/** Of everything in a dashboard the queries, with where they stand. */
export function shownIn(
  dashboard: DashboardDescription,
): { readonly panel: PanelDescription; readonly shown: Shown; readonly refId: string }[] {
  return dashboard.rows.flatMap(({ panels }) =>
    panels.flatMap((panel) =>
      panel.shows.map((shown, index) => ({ panel, shown, refId: refIdOf(index) })),
    ),
  );
}

/** A, B, C … */
export function refIdOf(index: number): string {
  if (index >= 26) throw new RangeError("a panel asks 26 queries at most");
  return String.fromCodePoint(65 + index);
}
