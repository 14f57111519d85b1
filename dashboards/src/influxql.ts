import { MEASUREMENTS } from "@outrider/contracts/measurements";
import {
  FRESH,
  isEvents,
  tagsOf,
  type EventsQuery,
  type Match,
  type Query,
  type Reduction,
  type SeriesQuery,
  type Tier,
} from "./query.js";

/** Queries as InfluxQL of InfluxDB 1.x, with the macros of Grafana's data source. */

/** Whether the query is for an alert rule: those know no variables and no time but that of the rule. */
export interface Purpose {
  readonly alert?: boolean;
  /** What the values are called in a table. */
  readonly column?: string | undefined;
  readonly tier?: Tier | undefined;
}

export function toInfluxQL(query: Query, purpose: Purpose = {}): string {
  return isEvents(query) ? eventRows(query) : series(query, purpose);
}

/** The same of what is kept of each hour. A mean of means would be wrong where hours have not equally many values. */
const ROLLED: Readonly<Record<Reduction, (field: string) => string>> = {
  mean: (field) => `(sum("${field}_sum") / sum("${field}_count"))`,
  min: (field) => `min("${field}_min")`,
  max: (field) => `max("${field}_max")`,
  last: (field) => `last("${field}_last")`,
  sum: (field) => `sum("${field}_sum")`,
  spread: (field) => `(max("${field}_max") - min("${field}_min"))`,
};

/** `{{node}}` as Grafana's data source for InfluxDB writes it. */
export function toAlias(legend: string): string {
  return legend.replaceAll(/\{\{(\w+)\}\}/g, (_, tag: string) => `$tag_${tag}`);
}

function series(query: SeriesQuery, purpose: Purpose): string {
  const { across, only, top, measurement, by } = query;
  const time = timeOf(query, purpose);
  const reduced = (field: string): string =>
    purpose.tier === undefined ? `${query.reduce}("${field}")` : ROLLED[query.reduce](field);
  const value = query.per
    ? `${reduced(query.field)} / ${reduced(query.per)}`
    : reduced(query.field);
  const from =
    purpose.tier === undefined ? `"${measurement}"` : `"${purpose.tier}"."${measurement}"`;
  const conditions = [...matches(query.where), time].join(" AND ");
  const inner = (name: string): string =>
    `SELECT ${value}${name} FROM ${from} WHERE ${conditions}${grouping(query, by)}`;
  const named = purpose.column === undefined ? "" : ` AS "${purpose.column}"`;
  if (across.length === 0 && !only && top === undefined) return inner(named);
  const others = (only?.unless ?? []).map(({ field, value: not }) => ({
    shown: `, ${reduced(field)} AS "${field}"`,
    condition: `"${field}" != ${not} AND `,
  }));
  let text = inner(` AS "value"${others.map(({ shown }) => shown).join("")}`);
  const unless = others.map((other) => other.condition).join("");
  let condition = only ? `"value" ${only.is} ${only.value} AND ${unless}${time}` : time;
  for (const step of across) {
    text = `SELECT ${step.how}("value") AS "value" FROM (${text}) WHERE ${condition}${grouping(query, step.by)}`;
    condition = time;
  }
  if (only && across.length === 0)
    text = `SELECT "value" FROM (${text}) WHERE ${condition}${groupBy(tagsOf(query))}`;
  if (top !== undefined) {
    const tags = tagsOf(query).map((tag) => `"${tag}", `);
    text = `SELECT top("value", ${tags.join("")}${top})${named} FROM (${text}) WHERE ${time}`;
  }
  return text;
}

/** InfluxQL of what a table of events shows. */
function eventRows({ events, where, limit }: EventsQuery): string {
  const { tags, text } = MEASUREMENTS[events];
  const columns = [...tags, text].map((name) => `"${name}"`).join(", ");
  const conditions = [...matches(where), "$timeFilter"].join(" AND ");
  return `SELECT ${columns} FROM "${events}" WHERE ${conditions} ORDER BY time DESC LIMIT ${limit}`;
}

function timeOf({ at, measurement }: SeriesQuery, { alert = false }: Purpose): string {
  if (at !== "now" || alert) return "$timeFilter";
  return `time >= \${__to}ms - ${FRESH[measurement]} AND time <= \${__to}ms`;
}

function grouping(query: SeriesQuery, tags: readonly string[]): string {
  return query.at === "times" ? groupBy(["time", ...tags]) : groupBy(tags);
}

function groupBy(names: readonly string[]): string {
  if (names.length === 0) return "";
  const parts = names.map((name) => (name === "time" ? "time($__interval)" : `"${name}"`));
  // Nothing is made up for intervals without a value.
  return ` GROUP BY ${parts.join(", ")}${names.includes("time") ? " fill(none)" : ""}`;
}

/**
 * The parentheses are for what several values become: `(a|b)` in most releases, `a|b` in some, where `^a|b$` would be
 * something else.
 */
export function matches(where: Readonly<Record<string, Match>>): string[] {
  return Object.entries(where).map(([tag, match]) => {
    const pattern = "variable" in match ? `$${match.variable}` : match.pattern;
    return `"${tag}" =~ /^(${pattern})$/`;
  });
}
