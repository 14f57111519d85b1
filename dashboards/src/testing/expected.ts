import { isEvents, type EventsQuery, type Match, type Query, type SeriesQuery } from "../query.js";
import { events, series, type KnownEvent } from "./dataset.js";

/** What a query must answer, worked out from what was written and not by a database. */

export interface Labelled {
  readonly labels: Readonly<Record<string, string>>;
  /** In what is counted over time the sum of all intervals. */
  readonly value: number;
}

/** Values of the variables, as whole-value regular expressions. */
export type Chosen = Readonly<Record<string, string>>;

export function isCounted(query: Query): boolean {
  return isEvents(query) || query.reduce === "sum";
}

export function expectedEvents(query: EventsQuery, chosen: Chosen, endMs: number): KnownEvent[] {
  return events(endMs)
    .filter(({ tags }) => matchesAll(tags, query.where, chosen))
    .toSorted((a, b) => b.atMs - a.atMs)
    .slice(0, query.limit);
}

export function expected(query: SeriesQuery, chosen: Chosen, endMs: number): Labelled[] {
  const all =
    query.measurement === "node_event"
      ? events(endMs).map(({ tags }) => ({ tags, fields: { count: 1 } as Record<string, number> }))
      : series().filter(({ measurement }) => measurement === query.measurement);
  const found = all.flatMap(({ tags, fields }) => {
    const value = fields[query.field];
    const divisor = query.per === undefined ? 1 : fields[query.per];
    if (value === undefined || divisor === undefined) return [];
    const unless = query.only?.unless ?? [];
    if (value === query.only?.value && unless.some((one) => fields[one.field] === one.value))
      return [];
    return matchesAll(tags, query.where, chosen) ? [{ labels: tags, value: value / divisor }] : [];
  });
  const { reduce, only, top } = query;
  let result = together(found, query.by, reduce === "last" ? "max" : reduce);
  if (only)
    result = result.filter(({ value }) =>
      only.is === "=" ? value === only.value : value >= only.value,
    );
  for (const { how, by } of query.across) result = together(result, by, how);
  if (top !== undefined) result = result.toSorted((a, b) => b.value - a.value).slice(0, top);
  return result;
}

function together(
  from: readonly Labelled[],
  by: readonly string[],
  how: "mean" | "sum" | "min" | "max" | "count" | "spread",
): Labelled[] {
  const groups = Map.groupBy(from, ({ labels }) => JSON.stringify(by.map((tag) => labels[tag])));
  return [...groups.values()].map((group) => {
    const numbers = group.map(({ value }) => value);
    const sum = numbers.reduce((a, b) => a + b, 0);
    const results = {
      sum,
      mean: sum / numbers.length,
      min: Math.min(...numbers),
      max: Math.max(...numbers),
      count: numbers.length,
      // What is written never changes.
      spread: 0,
    };
    const labels = group[0]?.labels ?? {};
    return {
      labels: Object.fromEntries(by.map((tag) => [tag, labels[tag] ?? ""])),
      value: results[how],
    };
  });
}

function matchesAll(
  tags: Readonly<Record<string, string>>,
  where: Readonly<Record<string, Match>>,
  chosen: Chosen,
): boolean {
  return Object.entries(where).every(([tag, match]) => {
    const pattern = "variable" in match ? (chosen[match.variable] ?? "") : match.pattern;
    return new RegExp(`^(?:${pattern})$`).test(tags[tag] ?? "");
  });
}
