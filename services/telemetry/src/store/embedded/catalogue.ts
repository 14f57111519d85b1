import { readSeriesKey } from "../line-protocol.js";
import type { RangeQuery } from "../store.js";

export interface CatalogueSeries {
  readonly id: number;
  readonly measurement: string;
  readonly tags: Readonly<Record<string, string>>;
  readonly field: string;
}

interface Entry {
  readonly key: string;
  readonly tags: Readonly<Record<string, string>>;
  readonly fields: Map<string, number>;
}

/** All series of the embedded store, to be found by what a query asks for. */
export class Catalogue {
  readonly #measurements = new Map<string, Map<string, Entry>>();

  add(id: number, key: string, field: string): void {
    const { measurement, tags } = readSeriesKey(key);
    let entries = this.#measurements.get(measurement);
    if (!entries) this.#measurements.set(measurement, (entries = new Map<string, Entry>()));
    let entry = entries.get(key);
    if (!entry) entries.set(key, (entry = { key, tags, fields: new Map<string, number>() }));
    entry.fields.set(field, id);
  }

  remove(key: string, field: string): void {
    const { measurement } = readSeriesKey(key);
    const entries = this.#measurements.get(measurement);
    const fields = entries?.get(key)?.fields;
    if (!entries || !fields?.delete(field)) return;
    if (fields.size === 0) entries.delete(key);
    if (entries.size === 0) this.#measurements.delete(measurement);
  }

  /** In the order of their keys and fields. */
  find({ measurement, tags, fields }: RangeQuery): CatalogueSeries[] {
    const wanted = Object.entries(tags ?? {}).map(
      ([tag, values]) => [tag, new Set(values)] as const,
    );
    const isWanted = fields && new Set(fields);
    const found: (CatalogueSeries & { key: string })[] = [];
    for (const { key, tags: own, fields: ids } of this.#measurements.get(measurement)?.values() ??
      []) {
      if (!wanted.every(([tag, values]) => values.has(own[tag] ?? ""))) continue;
      for (const [field, id] of ids) {
        if (!isWanted || isWanted.has(field))
          found.push({ id, measurement, tags: own, field, key });
      }
    }
    return found.toSorted((a, b) => compare(a.key, b.key) || compare(a.field, b.field));
  }
}

export function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
