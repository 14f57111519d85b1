import { isCounted, type Chosen, type Labelled } from "./expected.js";
import { tagsOf, type Query, type SeriesQuery } from "../query.js";
import type { Target } from "../grafana-target.js";

/** Asks databases as Grafana's data sources do: expands macros and variables, and reads the answer. */

export interface Range {
  readonly fromMs: number;
  readonly toMs: number;
  readonly everyMs: number;
}

/** @throws Error when something that only Grafana understands would be left */
export function expand(text: string, { fromMs, toMs, everyMs }: Range, chosen: Chosen): string {
  // pkg/tsdb/influxdb and pkg/promlib: $__rate_interval is at least four times the interval of the data source, 15 s.
  const macros: Record<string, string> = {
    $timeFilter: `time >= ${fromMs}ms and time <= ${toMs}ms`,
    "${__to}": String(toMs),
    $__rate_interval: `${Math.max(60_000, everyMs + 15_000)}ms`,
    $__interval: `${everyMs}ms`,
    $__range: `${(toMs - fromMs) / 1000}s`,
  };
  let expanded = text;
  for (const [macro, value] of Object.entries(macros)) expanded = expanded.replaceAll(macro, value);
  for (const [name, value] of Object.entries(chosen))
    expanded = expanded.replaceAll(`$${name}`, value);
  if (/\$(?![)/])/.test(expanded)) throw new Error(`not expanded: ${expanded}`);
  return expanded;
}

interface InfluxSeries {
  readonly name?: string;
  readonly tags?: Readonly<Record<string, string>>;
  readonly columns: readonly string[];
  readonly values: readonly (readonly (string | number | null)[])[];
}

export async function askInflux(url: string, query: string): Promise<InfluxSeries[]> {
  const address = `${url}/query?db=outrider&epoch=ms&q=${encodeURIComponent(query)}`;
  const answer = (await (await fetch(address)).json()) as {
    error?: string;
    results?: { error?: string; series?: InfluxSeries[] }[];
  };
  const [result] = answer.results ?? [];
  const error = answer.error ?? result?.error;
  if (error !== undefined) throw new Error(`${error}: ${query}`);
  return result?.series ?? [];
}

interface PromSeries {
  readonly metric: Readonly<Record<string, string>>;
  readonly value?: readonly [number, string];
  readonly values?: readonly (readonly [number, string])[];
}

export async function askVictoria(
  url: string,
  query: string,
  instant: boolean,
  { fromMs, toMs, everyMs }: Range,
): Promise<PromSeries[]> {
  const when: Record<string, string> = instant
    ? { time: String(toMs / 1000) }
    : { start: String(fromMs / 1000), end: String(toMs / 1000), step: String(everyMs / 1000) };
  const body = new URLSearchParams({ query, ...when });
  const path = instant ? "query" : "query_range";
  const answer = (await (
    await fetch(`${url}/api/v1/${path}`, { method: "POST", body })
  ).json()) as {
    status: string;
    error?: string;
    data?: { result: PromSeries[] };
  };
  if (answer.status !== "success" || !answer.data) throw new Error(`${answer.error}: ${query}`);
  return answer.data.result;
}

/** Answers as numbers with labels. Each interval of a series must say the same, as what was written never changes. */
export function fromInflux(query: SeriesQuery, answer: readonly InfluxSeries[]): Labelled[] {
  return answer.flatMap(({ tags = {}, columns, values }) => {
    if (query.top !== undefined) {
      return values.map((row) => ({
        labels: pick(
          Object.fromEntries(columns.map((name, index) => [name, String(row[index])])),
          query,
        ),
        value: Number(row[1]),
      }));
    }
    if (columns.length !== 2) throw new Error(`one column of values, not ${columns.join(", ")}`);
    return [
      {
        labels: pick(tags, query),
        value: one(
          query,
          values.map((row) => Number(row[1])),
        ),
      },
    ];
  });
}

export function fromVictoria(query: SeriesQuery, answer: readonly PromSeries[]): Labelled[] {
  return answer.map(({ metric, value, values }) => {
    const all = value ? [value] : (values ?? []);
    return {
      labels: pick(metric, query),
      value: one(
        query,
        all.map(([, text]) => Number(text)),
      ),
    };
  });
}

function one(query: Query, numbers: readonly number[]): number {
  if (isCounted(query)) return numbers.reduce((a, b) => a + b, 0);
  const [first = Number.NaN] = numbers;
  const other = numbers.find((number) => Math.abs(number - first) > 1e-9);
  if (other !== undefined) throw new Error(`${first} and ${other} of what never changes`);
  return first;
}

function pick(
  labels: Readonly<Record<string, string>>,
  query: SeriesQuery,
): Record<string, string> {
  return Object.fromEntries(tagsOf(query).map((tag) => [tag, labels[tag] ?? ""]));
}

/** The text of a target, whichever language it is in. */
export function textOf({ query, expr }: Target): string {
  const text = query ?? expr;
  if (text === undefined) throw new Error("a target asks something");
  return text;
}
