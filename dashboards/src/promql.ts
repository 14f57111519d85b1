import { MEASUREMENTS, metricName } from "@outrider/contracts/measurements";
import {
  FRESH,
  isEvents,
  tagsOf,
  type Match,
  type Query,
  type Reduction,
  type SeriesQuery,
} from "./query.js";

/** Queries as PromQL, of metrics that VictoriaMetrics makes of line protocol. */

const ROLLUPS: Readonly<Record<Exclude<Reduction, "spread">, string>> = {
  mean: "avg_over_time",
  min: "min_over_time",
  max: "max_over_time",
  last: "last_over_time",
  sum: "sum_over_time",
};

export function toPromQL(query: Query): string {
  if (isEvents(query)) {
    const tags = MEASUREMENTS[query.events].tags.join(", ");
    const selector = `${metricName(query.events, "count")}${matches(query.where)}`;
    return `topk(${query.limit}, sum by (${tags}) (sum_over_time(${selector}[$__range])))`;
  }
  const { across, only, top } = query;
  let text = rolled(query, query.field);
  if (query.per !== undefined) text = `${text} / ${rolled(query, query.per)}`;
  if (query.per === undefined && !onlyOneSeriesEach(query))
    text = `${ACROSS_REDUCTIONS[query.reduce]} by (${query.by.join(", ")}) (${text})`;
  if (only) {
    text = `${text} ${only.is === "=" ? "==" : only.is} ${only.value}`;
    for (const { field, value } of only.unless ?? [])
      text = `${text} unless ${rolled(query, field)} == ${value}`;
  }
  for (const { how, by } of across)
    text = `${how}${by.length > 0 ? ` by (${by.join(", ")})` : ""} (${text})`;
  // Nobody is a number, too.
  if (only && across.at(-1)?.how === "count" && tagsOf(query).length === 0)
    text = `${text} or vector(0)`;
  if (top !== undefined) text = `topk(${top}, ${text})`;
  return text;
}

/** What becomes of series that differ in a tag that nobody asked for. */
const ACROSS_REDUCTIONS: Readonly<Record<Reduction, string>> = {
  mean: "avg",
  min: "min",
  max: "max",
  last: "max",
  sum: "sum",
  spread: "max",
};

function onlyOneSeriesEach({ measurement, by }: SeriesQuery): boolean {
  const tags: readonly string[] = MEASUREMENTS[measurement].tags;
  return tags.every((tag) => by.includes(tag));
}

function rolled(query: SeriesQuery, field: string): string {
  const selector = `${metricName(query.measurement, field)}${matches(query.where)}`;
  const window = `(${selector}[${windowOf(query)}])`;
  if (query.reduce === "spread") return `(max_over_time${window} - min_over_time${window})`;
  return `${ROLLUPS[query.reduce]}${window}`;
}

/** A state is what was last said, for as long as that counts; what is added up is added once; else as Grafana advises. */
function windowOf({ at, reduce, measurement }: SeriesQuery): string {
  if (at === "range") return "$__range";
  if (at === "now" || reduce === "last") return FRESH[measurement];
  return reduce === "sum" ? "$__interval" : "$__rate_interval";
}

export function matches(where: Readonly<Record<string, Match>>): string {
  const parts = Object.entries(where).map(([tag, match]) => {
    const pattern = "variable" in match ? `$${match.variable}` : match.pattern;
    return `${tag}=~"${pattern.replaceAll("\\", "\\\\")}"`;
  });
  return parts.length > 0 ? `{${parts.join(",")}}` : "";
}
