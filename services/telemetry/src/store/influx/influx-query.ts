import { checkAmount, tooMuch, type Window } from "../buckets.js";
import { SeriesCollector, type Collected } from "../series-collector.js";
import { BUCKET_LIMIT, type RangeQuery, type Series } from "../store.js";
import type { InfluxClient, InfluxSeries, Policy } from "./influx-client.js";
import { quotedName, quotedValue } from "./influx-text.js";

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;

/** Where roll-ups are, and how far they are complete; undefined where there are none. */
export type Complete = ((policy: "minutes" | "hours") => number) | undefined;

interface Piece {
  readonly policy: Policy | undefined;
  readonly fromMs: number;
  readonly toMs: number;
}

/** Answers a query from as coarse a policy as there is, and what is not rolled up yet from raw points. */
export class InfluxRange {
  readonly #limit: number;
  readonly #collector: SeriesCollector;
  readonly #window: Window;
  readonly #where: string;
  #points = 0;

  constructor(
    private readonly client: InfluxClient,
    private readonly query: RangeQuery,
    private readonly complete: Complete,
  ) {
    this.#limit = query.limit ?? BUCKET_LIMIT;
    this.#collector = new SeriesCollector(query);
    this.#window = this.#collector.window;
    this.#where = whereOf(query.tags);
  }

  /** @throws StoreError `too-much`, or Error with what the database says */
  async read(signal: AbortSignal): Promise<readonly Series[]> {
    const fields = this.query.fields ?? (await this.#fields(signal));
    if (fields.length === 0) return [];
    await this.#check(fields, signal);
    for (const piece of this.#pieces()) {
      if (piece.toMs > piece.fromMs) await this.#read(piece, fields, signal);
    }
    return this.#collector.series();
  }

  async #fields(signal: AbortSignal): Promise<readonly string[]> {
    const found: InfluxSeries[] = [];
    for (const source of this.#sources()) {
      found.push(...(await this.client.query(`SHOW FIELD KEYS FROM ${source}`, signal)));
    }
    const names = found.flatMap(({ values }) =>
      values
        .filter(([, type]) => type === "float" || type === "integer")
        .map(([name]) => String(name)),
    );
    return [...new Set(names)].filter((name) => !/_(?:sum|min|max|last|count)$/.test(name));
  }

  /** Asks how much it would be before asking for it. */
  async #check(fields: readonly string[], signal: AbortSignal): Promise<void> {
    // Where there are no roll-ups, the question is not known either; what is too much is seen when it comes.
    if (!this.complete) return;
    const source = this.client.source("raw", this.query.measurement);
    if (this.#window.everyMs > 0) {
      if (this.#window.length * fields.length <= this.#limit / 1000) return;
      const where = this.#where === "" ? "" : ` WHERE ${this.#where}`;
      for (const from of this.#sources()) {
        const text = `SHOW SERIES EXACT CARDINALITY FROM ${from}${where}`;
        const count = sumOf(await this.client.query(text, signal), "count");
        checkAmount(this.query, count * fields.length, this.#limit);
      }
      return;
    }
    const counts = fields.map((field, index) => `count(${quotedName(field)}) AS c${index}`);
    const text = `SELECT ${counts.join(", ")} FROM ${source} WHERE ${this.#during(this.#window)}`;
    const found = await this.client.query(text, signal);
    const total = fields.reduce((sum, _, index) => sum + sumOf(found, `c${index}`), 0);
    if (total > this.#limit) throw tooMuch(this.query, fields.length, this.#limit);
  }

  /** Every policy that has a part in the answer. */
  #sources(): string[] {
    const policies = new Set(this.#pieces().map(({ policy }) => policy));
    return [...policies].map((policy) => this.client.source(policy, this.query.measurement));
  }

  #pieces(): Piece[] {
    const { fromMs, toMs, everyMs } = this.#window;
    if (!this.complete) return [{ policy: undefined, fromMs, toMs }];
    const tier =
      everyMs > 0 && everyMs % HOUR_MS === 0
        ? "hours"
        : everyMs > 0 && everyMs % MINUTE_MS === 0
          ? "minutes"
          : undefined;
    if (!tier) return [{ policy: "raw", fromMs, toMs }];
    const untilMs = Math.max(fromMs, Math.min(toMs, this.complete(tier)));
    if (tier === "minutes") {
      return [
        { policy: "minutes", fromMs, toMs: untilMs },
        { policy: "raw", fromMs: untilMs, toMs },
      ];
    }
    const minutesMs = Math.max(untilMs, Math.min(toMs, this.complete("minutes")));
    return [
      { policy: "hours", fromMs, toMs: untilMs },
      { policy: "minutes", fromMs: untilMs, toMs: minutesMs },
      { policy: "raw", fromMs: minutesMs, toMs },
    ];
  }

  async #read(piece: Piece, fields: readonly string[], signal: AbortSignal): Promise<void> {
    const isRolled = piece.policy === "minutes" || piece.policy === "hours";
    const { everyMs } = this.#window;
    // What is rolled up by just that need not be put together, which would take most of the time.
    const isReady = everyMs === (piece.policy === "minutes" ? MINUTE_MS : HOUR_MS) && isRolled;
    const columns = fields.flatMap((field, index) => {
      const name = (suffix: string): string => quotedName(`${field}${suffix}`);
      if (everyMs === 0) return [`${name("")} AS v${index}`];
      const of = (how: string, suffix: string): string =>
        isReady ? name(suffix) : `${how}(${name(isRolled ? suffix : "")})`;
      return [
        `${of("sum", "_sum")} AS s${index}`,
        `${of("min", "_min")} AS n${index}`,
        `${of("max", "_max")} AS x${index}`,
        `${of("last", "_last")} AS l${index}`,
        `${of(isRolled ? "sum" : "count", "_count")} AS c${index}`,
      ];
    });
    const isPlain = everyMs === 0 || isReady;
    const by = isPlain ? "*" : `time(${everyMs}ms), *`;
    const fill = isPlain ? "" : " fill(none)";
    const source = this.client.source(piece.policy, this.query.measurement);
    const text = `SELECT ${columns.join(", ")} FROM ${source} WHERE ${this.#during(piece)} GROUP BY ${by}${fill}`;
    const found = await this.client.query(text, signal);
    checkAmount(this.query, found.length * fields.length, this.#limit);
    for (const series of found) this.#take(series, fields);
  }

  #take({ tags = {}, columns, values }: InfluxSeries, fields: readonly string[]): void {
    const own = Object.fromEntries(Object.entries(tags).filter(([, value]) => value !== ""));
    fields.forEach((field, index) => {
      const series = this.#collector.of(own, field);
      const at = (name: string): number => columns.indexOf(`${name}${index}`);
      if (this.#window.everyMs === 0) this.#takePoints(series, values, at("v"));
      else {
        const [s, n, x, l, c] = [at("s"), at("n"), at("x"), at("l"), at("c")];
        for (const row of values) {
          const of = (column: number): number => Number(row[column]);
          if (row[c]) series.addPart(Number(row[0]), of(c), of(s), of(n), of(x), of(l));
        }
      }
    });
  }

  #takePoints(series: Collected, values: InfluxSeries["values"], column: number): void {
    for (const row of values) {
      const value = row[column];
      if (typeof value !== "number") continue;
      if (++this.#points > this.#limit) throw tooMuch(this.query, 1, this.#limit);
      series.addPoint(Number(row[0]), value);
    }
  }

  #during({ fromMs, toMs }: { readonly fromMs: number; readonly toMs: number }): string {
    const during = `time >= ${fromMs}ms AND time < ${toMs}ms`;
    return this.#where === "" ? during : `${during} AND ${this.#where}`;
  }
}

/** A condition on tags; empty for none. */
export function whereOf(tags: Readonly<Record<string, readonly string[]>> = {}): string {
  return Object.entries(tags)
    .map(([tag, values]) => {
      const each = values.map((value) => `${quotedName(tag)} = ${quotedValue(value)}`);
      return each.length === 0 ? "(time < 0)" : `(${each.join(" OR ")})`;
    })
    .join(" AND ");
}

function sumOf(series: readonly InfluxSeries[], column: string): number {
  let sum = 0;
  for (const { columns, values } of series) {
    const at = columns.indexOf(column);
    for (const row of values) sum += Number(row[at] ?? 0);
  }
  return sum;
}
