import { checkAmount, tooMuch } from "../buckets.js";
import { SeriesCollector, type Collected } from "../series-collector.js";
import { BUCKET_LIMIT, type RangeQuery, type Series } from "../store.js";

/** It does not promise to show what is younger in its answers to PromQL (-search.latencyOffset is 30 s). */
const YOUNG_MS = 60_000;

const FUNCTIONS = ["sum", "min", "max", "last", "count"] as const;

interface Metric {
  readonly __name__?: string;
  readonly [label: string]: string | undefined;
}

type Part = [sum: number, min: number, max: number, last: number, count: number];

/** Posts parameters to a path, and resolves with the text of the answer. */
export type Ask = (path: string, parameters: URLSearchParams) => Promise<string>;

/** Answers one query: what is old enough in buckets by PromQL, what is young point by point. */
export class VictoriaRange {
  readonly #collector: SeriesCollector;
  readonly #limit: number;

  constructor(
    private readonly ask: Ask,
    private readonly query: RangeQuery,
    private readonly nowMs: number,
  ) {
    this.#collector = new SeriesCollector(query);
    this.#limit = query.limit ?? BUCKET_LIMIT;
  }

  async read(): Promise<readonly Series[]> {
    const { fromMs, toMs, everyMs } = this.#collector.window;
    if (everyMs === 0) await this.#points(fromMs, toMs, this.#limit);
    else {
      const youngMs = Math.floor((this.nowMs - YOUNG_MS) / everyMs) * everyMs;
      const middleMs = Math.max(fromMs, Math.min(toMs, youngMs));
      if (middleMs > fromMs) {
        for (const name of await this.#names(fromMs, middleMs)) {
          await this.#buckets(name, fromMs, middleMs);
        }
      }
      if (toMs > middleMs) await this.#points(middleMs, toMs, Number.POSITIVE_INFINITY);
    }
    checkAmount(this.query, this.#collector.size, this.#limit);
    return this.#collector.series();
  }

  async #points(fromMs: number, toMs: number, limit: number): Promise<void> {
    const text = await this.ask("/api/v1/export", this.#during(fromMs, toMs - 1));
    let points = 0;
    for (const line of text.split("\n")) {
      if (line === "") continue;
      const { metric, values, timestamps } = JSON.parse(line) as {
        metric: Metric;
        values: (number | null)[];
        timestamps: number[];
      };
      points += values.length;
      if (points > limit) throw tooMuch(this.query, 1, limit);
      const series = this.#of(metric);
      timestamps.forEach((atMs, index) => {
        const value = values[index];
        if (typeof value === "number" && atMs >= fromMs && atMs < toMs)
          series.addPoint(atMs, value);
      });
    }
  }

  async #buckets(name: string, fromMs: number, toMs: number): Promise<void> {
    const { everyMs, measurement } = this.query;
    const each = FUNCTIONS.map((one) => `"${one}_over_time"`).join(", ");
    const selector = selectorOf({ ...this.query, fields: [name.slice(measurement.length + 1)] });
    const parameters = new URLSearchParams({
      query: `aggr_over_time((${each}), ${selector}[${everyMs}ms])`,
      // A bucket is what lies before its end and after the end of the one before.
      start: seconds(fromMs + everyMs - 1),
      end: seconds(toMs - 1),
      step: `${everyMs}ms`,
      nocache: "1",
    });
    const { data } = JSON.parse(await this.ask("/api/v1/query_range", parameters)) as {
      data: { result: { metric: Metric; values: [number, string][] }[] };
    };
    checkAmount(this.query, data.result.length / FUNCTIONS.length, this.#limit);
    const parts = new Map<Collected, Map<number, Part>>();
    for (const { metric, values } of data.result) {
      const { rollup = "", ...labels } = metric;
      const series = this.#of({ ...labels, __name__: name });
      let buckets = parts.get(series);
      if (!buckets) parts.set(series, (buckets = new Map<number, Part>()));
      const place = FUNCTIONS.findIndex((how) => rollup === `${how}_over_time`);
      for (const [endSeconds, value] of values) {
        const atMs = Math.round(endSeconds * 1000) + 1 - everyMs;
        let part = buckets.get(atMs);
        if (!part) buckets.set(atMs, (part = [0, 0, 0, 0, 0]));
        part[place] = Number(value);
      }
    }
    for (const [series, buckets] of parts) {
      for (const [atMs, [sum, min, max, last, count]] of buckets) {
        series.addPart(atMs, count, sum, min, max, last);
      }
    }
  }

  /** Metrics of the query. */
  async #names(fromMs: number, toMs: number): Promise<readonly string[]> {
    const { fields, measurement } = this.query;
    if (fields) return fields.map((field) => `${measurement}_${field}`);
    const text = await this.ask("/api/v1/label/__name__/values", this.#during(fromMs, toMs));
    return (JSON.parse(text) as { data: string[] }).data;
  }

  #of(metric: Metric): Collected {
    const { __name__: name = "", ...tags } = metric;
    const field = name.slice(this.query.measurement.length + 1);
    return this.#collector.of(tags as Record<string, string>, field);
  }

  #during(fromMs: number, lastMs: number): URLSearchParams {
    return new URLSearchParams({
      "match[]": selectorOf(this.query),
      start: seconds(fromMs),
      end: seconds(lastMs),
    });
  }
}

/** Seconds with milliseconds, as its parameters have them. */
function seconds(ms: number): string {
  return (ms / 1000).toFixed(3);
}

function selectorOf({ measurement, tags = {}, fields }: RangeQuery): string {
  const name = fields
    ? `${escapeRegExp(measurement)}_(?:${fields.map(escapeRegExp).join("|")})`
    : `${escapeRegExp(measurement)}_.+`;
  const conditions = Object.entries(tags).map(
    ([tag, values]) => `${tag}=~${JSON.stringify(values.map(escapeRegExp).join("|"))}`,
  );
  return `{${[`__name__=~${JSON.stringify(name)}`, ...conditions].join(",")}}`;
}

function escapeRegExp(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|]/g, "\\$&");
}
