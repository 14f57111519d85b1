import type { FieldOf, Measurement, TagOf } from "@outrider/contracts/measurements";

/** What a panel asks, in no store's language. */

/** Which values of a tag are looked at. */
export type Match =
  /** What a person chose in a variable of the dashboard: one, several or all. */
  | { readonly variable: string }
  /** A regular expression of the whole value, in the part that InfluxQL and PromQL share (RE2). */
  | { readonly pattern: string };

/** What is made of the values of one series in one interval; `spread` is the greatest less the least. */
export type Reduction = "mean" | "min" | "max" | "last" | "sum" | "spread";

/** What is made of several series at one time. */
export interface Across {
  readonly how: "sum" | "max" | "count";
  /** One result for each combination of these tags. */
  readonly by: readonly string[];
}

/** Values of which this is so. */
export interface Only {
  readonly is: "=" | ">=";
  readonly value: number;
  /** Not of those of which another field of the same measurement says so. */
  readonly unless?: readonly { readonly field: string; readonly value: number }[];
}

/** Numbers, one series for each combination of tags. */
export interface SeriesQuery {
  readonly measurement: Measurement;
  readonly field: string;
  /** Divides by this field of the same measurement. */
  readonly per?: string;
  readonly where: Readonly<Record<string, Match>>;
  readonly by: readonly string[];
  readonly reduce: Reduction;
  /** Looked at before `across`. */
  readonly only?: Only;
  /** One after the other. */
  readonly across: readonly Across[];
  /** `times`: over time. `now`: the last one at the end of the range, if it is fresh. `range`: one of the whole range. */
  readonly at: "times" | "now" | "range";
  /** Of those now, so many of the greatest. */
  readonly top?: number;
  /** `{{node}} {{sensor}}` */
  readonly legend: string;
}

/** What happened, newest first, with its text; in a store without texts how often. */
export interface EventsQuery {
  readonly events: "node_event";
  readonly where: Readonly<Record<string, Match>>;
  readonly limit: number;
}

export type Query = SeriesQuery | EventsQuery;

export function isEvents(query: Query): query is EventsQuery {
  return "events" in query;
}

/** What is kept longer than raw values: of each hour, series and field the sum, minimum, maximum, last value and number. */
export type Tier = "hours";

interface Asked<M extends Measurement> {
  readonly where?: Partial<Readonly<Record<TagOf<M>, Match>>>;
  readonly by?: readonly TagOf<M>[];
  readonly per?: FieldOf<M>;
  readonly reduce?: Reduction;
  readonly only?: SeriesQuery["only"];
  readonly across?: readonly { readonly how: Across["how"]; readonly by?: readonly TagOf<M>[] }[];
  readonly at?: SeriesQuery["at"];
  readonly top?: number;
  readonly legend?: string;
}

/** Asks for a field. Only names that the store has compile. */
export function values<M extends Measurement>(
  measurement: M,
  field: FieldOf<M>,
  asked: Asked<M> = {},
): SeriesQuery {
  const { where = {}, by = [], across = [], reduce = "mean", at = "times" } = asked;
  const left = across.at(-1)?.by ?? (across.length > 0 ? [] : by);
  return {
    measurement,
    field,
    where,
    by,
    reduce: at === "now" ? "last" : reduce,
    across: across.map(({ how, by: rest = [] }) => ({ how, by: rest })),
    at,
    legend: asked.legend ?? left.map((tag) => `{{${tag}}}`).join(" "),
    ...(asked.per === undefined ? {} : { per: asked.per }),
    ...(asked.only === undefined ? {} : { only: asked.only }),
    ...(asked.top === undefined ? {} : { top: asked.top }),
  };
}

/** Tags that the result of a query has. */
export function tagsOf({ by, across }: SeriesQuery): readonly string[] {
  return across.at(-1)?.by ?? by;
}

/**
 * How long the last value of something counts as what is so now. Longer than the longest time that is meant to pass
 * between two points of it.
 */
export const FRESH: Readonly<Record<Measurement, string>> = {
  node_sensor: "15m",
  node_heartbeat: "15m",
  node_absence: "15m",
  node_state: "5m",
  node_event: "5m",
  node_alarm: "5m",
  site_alarm: "5m",
  domain_power: "5m",
  agent_clock: "15m",
  system_health: "5m",
};
