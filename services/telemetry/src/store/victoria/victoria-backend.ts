import { BucketFold, checkAmount, pointBucket, tooMuch, windowOf } from "../buckets.js";
import { type Backend, type Delivered, type Delivery } from "../backend.js";
import { compare } from "../embedded/catalogue.js";
import { linesOf, request, unavailable, type HttpTarget } from "../http.js";
import { LineWriter } from "../influx/line-writer.js";
import { seriesKey, withoutTexts } from "../line-protocol.js";
import {
  BUCKET_LIMIT,
  type Bucket,
  type RangeQuery,
  type Series,
  type StoreTraits,
  type TextPoint,
} from "../store.js";

const WITHIN_MS = 60_000;
/** It does not promise to show what is younger in its answers to PromQL (-search.latencyOffset is 30 s). */
const YOUNG_MS = 60_000;

const FUNCTIONS = ["sum", "min", "max", "last", "count"] as const;

interface Metric {
  readonly __name__?: string;
  readonly [label: string]: string | undefined;
}

interface Found {
  readonly tags: Readonly<Record<string, string>>;
  readonly field: string;
  readonly key: string;
  readonly fold: BucketFold | undefined;
  readonly points: Map<number, number>;
}

/**
 * VictoriaMetrics: a field of a measurement is a metric `<measurement>_<field>`. It keeps numbers only, all for as long
 * as its `-retentionPeriod` says, and keeps both of two points with the same time.
 */
export class VictoriaBackend implements Backend {
  readonly traits: StoreTraits = {
    kind: "victoria",
    keepsTexts: false,
    lastWriteWins: false,
    rollsUp: false,
  };
  readonly notice = undefined;
  /** It holds what it took in memory for some five seconds. */
  readonly settleMs = 15_000;
  readonly #writer: LineWriter;

  constructor(
    private readonly target: HttpTarget,
    private readonly nowMs: () => number,
  ) {
    this.#writer = new LineWriter(target, "/write?precision=ms");
  }

  async deliver(delivery: Delivery, signal: AbortSignal): Promise<Delivered> {
    if (!delivery.records.some(({ hasTexts }) => hasTexts)) {
      return this.#writer.write(delivery, signal);
    }
    // It would make a metric with the value 0 of a text.
    const lines = withoutTexts(linesOf(delivery));
    if (lines === "") return { refused: 0 };
    return this.#writer.writeLines(lines, delivery.points, signal);
  }

  async incarnation(signal: AbortSignal): Promise<string> {
    const answer = await request(this.target, "/metrics", { withinMs: WITHIN_MS, signal });
    return /^vm_app_start_timestamp (\d+)/m.exec(answer.text)?.[1] ?? "";
  }

  async range(query: RangeQuery, signal: AbortSignal): Promise<readonly Series[]> {
    signal.throwIfAborted();
    const limit = query.limit ?? BUCKET_LIMIT;
    const window = windowOf(query);
    const found = new Map<string, Found>();
    const of = (metric: Metric): Found => {
      const { __name__: name = "", ...labels } = metric;
      const tags = labels as Record<string, string>;
      const field = name.slice(query.measurement.length + 1);
      const key = seriesKey(query.measurement, tags) ?? JSON.stringify(tags);
      let one = found.get(`${key} ${field}`);
      if (!one) {
        const fold = window.everyMs === 0 ? undefined : new BucketFold(window);
        one = { tags, field, key, fold, points: new Map() };
        found.set(`${key} ${field}`, one);
      }
      return one;
    };
    if (window.everyMs === 0) {
      await this.#export(query, window.fromMs, window.toMs, limit, of, signal);
    } else {
      const { everyMs, fromMs, toMs } = window;
      const youngMs = Math.floor((this.nowMs() - YOUNG_MS) / everyMs) * everyMs;
      const middleMs = Math.max(fromMs, Math.min(toMs, youngMs));
      if (middleMs > fromMs) await this.#buckets(query, fromMs, middleMs, limit, of, signal);
      if (toMs > middleMs) await this.#export(query, middleMs, toMs, undefined, of, signal);
    }
    checkAmount(query, found.size, limit);
    return [...found.values()]
      .toSorted((a, b) => compare(a.key, b.key) || compare(a.field, b.field))
      .map(({ tags, field, fold, points }) => ({
        measurement: query.measurement,
        tags,
        field,
        buckets: bucketsOf(fold, points),
      }))
      .filter(({ buckets }) => buckets.length > 0);
  }

  /** It keeps none. */
  async texts(): Promise<readonly TextPoint[]> {
    return [];
  }

  async [Symbol.asyncDispose](): Promise<void> {}

  /** Points by themselves. */
  async #export(
    query: RangeQuery,
    fromMs: number,
    toMs: number,
    limit: number | undefined,
    of: (metric: Metric) => Found,
    signal: AbortSignal,
  ): Promise<void> {
    const body = new URLSearchParams({
      "match[]": selectorOf(query),
      start: seconds(fromMs),
      end: seconds(toMs - 1),
    });
    const text = await this.#ask("/api/v1/export", body, signal);
    let points = 0;
    for (const line of text.split("\n")) {
      if (line === "") continue;
      const { metric, values, timestamps } = JSON.parse(line) as {
        metric: Metric;
        values: (number | null)[];
        timestamps: number[];
      };
      points += values.length;
      if (limit !== undefined && points > limit) throw tooMuch(query, 1, limit);
      const one = of(metric);
      timestamps.forEach((atMs, index) => {
        const value = values[index];
        if (typeof value === "number" && atMs >= fromMs && atMs < toMs) one.points.set(atMs, value);
      });
    }
  }

  async #buckets(
    query: RangeQuery,
    fromMs: number,
    toMs: number,
    limit: number,
    of: (metric: Metric) => Found,
    signal: AbortSignal,
  ): Promise<void> {
    const { everyMs } = query;
    const each = FUNCTIONS.map((one) => `"${one}_over_time"`).join(", ");
    for (const name of await this.#names(query, fromMs, toMs, signal)) {
      const selector = selectorOf({ ...query, fields: [name.slice(query.measurement.length + 1)] });
      const body = new URLSearchParams({
        query: `aggr_over_time((${each}), ${selector}[${everyMs}ms])`,
        // A bucket is what lies before its end and after the end of the one before.
        start: seconds(fromMs + everyMs - 1),
        end: seconds(toMs - 1),
        step: `${everyMs}ms`,
        nocache: "1",
      });
      const { data } = JSON.parse(await this.#ask("/api/v1/query_range", body, signal)) as {
        data: { result: { metric: Metric; values: [number, string][] }[] };
      };
      let values = 0;
      const parts = new Map<Found, Map<number, number[]>>();
      for (const { metric, values: pairs } of data.result) {
        const { rollup = "", ...labels } = metric;
        values += pairs.length;
        if (values > limit * FUNCTIONS.length) throw tooMuch(query, data.result.length, limit);
        const one = of({ ...labels, __name__: name });
        let buckets = parts.get(one);
        if (!buckets) parts.set(one, (buckets = new Map<number, number[]>()));
        const place = FUNCTIONS.findIndex((how) => rollup === `${how}_over_time`);
        for (const [endSeconds, value] of pairs) {
          const atMs = Math.round(endSeconds * 1000) + 1 - everyMs;
          let part = buckets.get(atMs);
          if (!part) buckets.set(atMs, (part = [0, 0, 0, 0, 0]));
          part[place] = Number(value);
        }
      }
      for (const [one, buckets] of parts) {
        for (const [atMs, [sum = 0, min = 0, max = 0, last = 0, count = 0]] of buckets) {
          one.fold?.add(atMs, count, sum, min, max, last);
        }
      }
    }
  }

  /** Metrics of the query. */
  async #names(
    query: RangeQuery,
    fromMs: number,
    toMs: number,
    signal: AbortSignal,
  ): Promise<readonly string[]> {
    if (query.fields) return query.fields.map((field) => `${query.measurement}_${field}`);
    const body = new URLSearchParams({
      "match[]": selectorOf(query),
      start: seconds(fromMs),
      end: seconds(toMs),
    });
    const text = await this.#ask("/api/v1/label/__name__/values", body, signal);
    return (JSON.parse(text) as { data: string[] }).data;
  }

  async #ask(path: string, body: URLSearchParams, signal: AbortSignal): Promise<string> {
    const answer = await request(this.target, path, { body, withinMs: WITHIN_MS, signal }).catch(
      (error: Error) => {
        signal.throwIfAborted();
        throw unavailable(error.message, error);
      },
    );
    if (answer.status === 200) return answer.text;
    const said = answer.text.slice(0, 500);
    throw unavailable(`VictoriaMetrics at ${this.target.base} says ${answer.status}: ${said}`);
  }
}

function bucketsOf(
  fold: BucketFold | undefined,
  points: ReadonlyMap<number, number>,
): readonly Bucket[] {
  const inOrder = [...points].toSorted(([a], [b]) => a - b);
  if (!fold) return inOrder.map(([atMs, value]) => pointBucket(atMs, value));
  for (const [atMs, value] of inOrder) fold.add(atMs, 1, value, value, value, value);
  return fold.buckets();
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
