import { isName, seriesKey } from "./line-protocol.js";
import type { KnownSeries, SeriesRegistry } from "./series-registry.js";
import type { Point } from "./store.js";

/** Times that all stores can hold: 1970 to 2255. */
const LATEST_MS = 9_000_000_000_000;

export interface AdmittedField {
  readonly name: string;
  readonly value: number;
  readonly series: KnownSeries;
}

/** A point as all stores can keep it. */
export interface AdmittedPoint {
  readonly key: string;
  readonly atMs: number;
  readonly fields: readonly AdmittedField[];
  readonly text: string | undefined;
}

/** Looks at every point before any store sees it, so that all refuse the same. */
export class PointGate {
  /** Points of which something was left out. */
  refused = 0;
  /** Those of them for want of room for their series. */
  crowdedOut = 0;

  constructor(private readonly registry: SeriesRegistry) {}

  /** @returns undefined when nothing of it can be kept */
  admit(
    point: Point,
    onNew?: (id: number, key: string, field: string) => void,
  ): AdmittedPoint | undefined {
    const atMs = Math.round(point.atMs);
    const key = seriesKey(point.measurement, point.tags);
    // Also false for what is no number.
    const hasTime = atMs >= 0 && atMs <= LATEST_MS;
    if (key === undefined || !hasTime) return this.#refuse();
    const fields: AdmittedField[] = [];
    let whole = true;
    for (const name in point.fields) {
      const value = point.fields[name];
      if (typeof value !== "number" || !Number.isFinite(value) || !isName(name)) {
        whole = false;
        continue;
      }
      const series = this.registry.admit(key, name, onNew);
      if (series) fields.push({ name, value, series });
      else {
        whole = false;
        this.crowdedOut += 1;
      }
    }
    const { text } = point;
    if (fields.length === 0 && (text === undefined || !whole)) return this.#refuse();
    if (!whole) this.refused += 1;
    return { key, atMs, fields, text };
  }

  #refuse(): undefined {
    this.refused += 1;
    return undefined;
  }
}
