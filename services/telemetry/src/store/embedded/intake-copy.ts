import type { DatabaseSync, StatementSync } from "node:sqlite";
import { edgesOf, newColumns, unpackInto, type Columns } from "./tables.js";

/** Points of one series that are in the intake. */
export interface IntakePoints {
  readonly at: number[];
  readonly values: number[];
}

/** The intake as the reading thread has it in memory: rows are only added at its end, or all taken away. */
export class IntakeCopy {
  readonly #edges: StatementSync;
  readonly #rows: StatementSync;
  #columns: Columns = newColumns(1024);
  #length = 0;
  #firstSeq = 0;
  #lastSeq = 0;

  constructor(db: DatabaseSync) {
    this.#edges = db.prepare(edgesOf("seq", "intake"));
    this.#rows = db.prepare("SELECT seq, points, data FROM intake WHERE seq > ? ORDER BY seq");
  }

  /** Takes over what has come. Within the read transaction of the query. */
  refresh(): void {
    const { first, last } = this.#edges.get() as { first: number | null; last: number | null };
    if (first !== this.#firstSeq) {
      this.#length = 0;
      this.#firstSeq = first ?? 0;
      this.#lastSeq = this.#firstSeq - 1;
    }
    if (last === null || last === this.#lastSeq) return;
    for (const row of this.#rows.iterate(this.#lastSeq)) {
      this.#room(Number(row["points"]));
      this.#length += unpackInto(row["data"] as Uint8Array, this.#columns, this.#length);
      this.#lastSeq = Number(row["seq"]);
    }
  }

  /**
   * Points of the wanted series within a span.
   * @param ids in any order @returns of each id its points, undefined for none
   */
  find(ids: Uint32Array, fromMs: number, toMs: number): (IntakePoints | undefined)[] {
    const found = Array.from<IntakePoints | undefined>({ length: ids.length });
    let largest = 0;
    for (const id of ids) largest = Math.max(largest, id);
    /** Of an id its place among the wanted, counted from 1. */
    const places = new Uint32Array(largest + 1);
    ids.forEach((id, index) => (places[id] = index + 1));
    const { at, values, ids: all } = this.#columns;
    for (let index = 0; index < this.#length; index++) {
      const place = places[all[index] ?? 0] ?? 0;
      if (place === 0) continue;
      const atMs = at[index] ?? 0;
      if (atMs < fromMs || atMs >= toMs) continue;
      const points = (found[place - 1] ??= { at: [], values: [] });
      points.at.push(atMs);
      points.values.push(values[index] ?? 0);
    }
    return found;
  }

  #room(points: number): void {
    const needed = this.#length + points;
    if (needed <= this.#columns.at.length) return;
    const larger = newColumns(Math.max(needed, this.#columns.at.length * 2));
    larger.at.set(this.#columns.at);
    larger.values.set(this.#columns.values);
    larger.ids.set(this.#columns.ids);
    this.#columns = larger;
  }
}
