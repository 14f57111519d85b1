import { within } from "@outrider/testing/eventually";
import { StoreError, type Point, type Series, type Store } from "../store.js";

/** Points that tell by themselves whether they are right: number n of a node has a time and a value of its own. */
export class KnownPoints {
  /** Numbers that were kept. */
  readonly kept = new Set<number>();
  #next = 0;

  constructor(
    readonly measurement: string,
    readonly startMs: number,
    readonly nodes = 20,
  ) {}

  point(number: number): Point {
    const node = number % this.nodes;
    return {
      measurement: this.measurement,
      tags: { node: `n${node}`, sensor: "supply" },
      atMs: this.startMs + Math.floor(number / this.nodes) * 1000 + node,
      fields: { voltageVolts: (number % 9973) / 1000 },
    };
  }

  /** Writes the next ones. @returns whether they are kept; if not, the same come again */
  async write(store: Store, count: number): Promise<boolean> {
    const numbers = Array.from({ length: count }, (_, index) => this.#next + index);
    try {
      await store.write(numbers.map((number) => this.point(number)));
    } catch (error) {
      if (error instanceof StoreError && error.code === "full") return false;
      throw error;
    }
    for (const number of numbers) this.kept.add(number);
    this.#next += count;
    return true;
  }

  /** Numbers below were kept, says another process. */
  keptUntil(end: number): void {
    for (let number = 0; number < end; number++) this.kept.add(number);
  }

  get endMs(): number {
    return this.startMs + Math.ceil((this.#next + this.kept.size) / this.nodes + 1) * 1000;
  }

  /** What is wrong with what a store has: kept points that are missing, values that are not ours. */
  async wrongIn(store: Store): Promise<string[]> {
    const { measurement, startMs: fromMs, endMs: toMs } = this;
    const query = { measurement, fromMs, toMs, everyMs: 0, limit: 5_000_000 };
    return this.wrong(await store.range(query, within(60_000)));
  }

  wrong(series: readonly Series[]): string[] {
    const values = new Map<string, number>();
    for (const { tags, buckets } of series) {
      for (const { atMs, last } of buckets) values.set(`${tags["node"]} ${atMs}`, last);
    }
    const wrong: string[] = [];
    for (const number of this.kept) {
      const { tags, atMs, fields } = this.point(number);
      const found = values.get(`${tags["node"]} ${atMs}`);
      if (found !== fields["voltageVolts"]) wrong.push(`${number}: ${found}`);
    }
    return wrong.length > 20 ? [...wrong.slice(0, 20), `… ${wrong.length} in all`] : wrong;
  }
}
