import type { DatabaseSync } from "node:sqlite";
import type { Retention } from "../store-config.js";
import { edgesOf, HOURS, MINUTES, RAW, SERIES_IDS, type Tier } from "./tables.js";

/** The share of the bound at which old values go. Beyond the bound itself SQLite takes nothing more. */
const TIGHT = 0.9;

/** What is never removed for want of room: the newest of each tier. */
const LEAST_BLOCKS = 3;

/** Bytes of the file that hold something. */
export function usedBytes(db: DatabaseSync): number {
  const pragma = (name: string): number =>
    Number(Object.values(db.prepare(`PRAGMA ${name}`).get() ?? {})[0]);
  return (pragma("page_count") - pragma("freelist_count")) * pragma("page_size");
}

/** Removes what is older than it is kept for, and the oldest of the finest where the file nears its bound. */
export class Pruning {
  readonly #db: DatabaseSync;

  constructor(
    db: DatabaseSync,
    readonly retention: Retention,
    readonly maximumBytes: number,
  ) {
    this.#db = db;
  }

  prune(nowMs: number): void {
    const { rawMs, minutesMs, hoursMs } = this.retention;
    this.#removeBefore(RAW, nowMs - rawMs);
    this.#removeBefore(MINUTES, nowMs - minutesMs);
    this.#removeBefore(HOURS, nowMs - hoursMs);
    this.#db.prepare("DELETE FROM text WHERE at_ms < ?").run(nowMs - minutesMs);
    for (const tier of [RAW, MINUTES, HOURS]) {
      while (this.isTight && this.#removeOldest(tier));
    }
  }

  get isTight(): boolean {
    return usedBytes(this.#db) > this.maximumBytes * TIGHT;
  }

  #removeBefore(tier: Tier, beforeMs: number): void {
    const firstKept = Math.floor(beforeMs / tier.blockMs) * SERIES_IDS;
    this.#db.prepare(`DELETE FROM ${tier.table} WHERE key < ?`).run(firstKept);
  }

  #removeOldest(tier: Tier): boolean {
    const { first, last } = this.#db.prepare(edgesOf("key", tier.table)).get() as {
      first: number | null;
      last: number | null;
    };
    if (first === null || last === null) return false;
    const block = Math.floor(first / SERIES_IDS);
    if (Math.floor(last / SERIES_IDS) - block < LEAST_BLOCKS) return false;
    this.#db.prepare(`DELETE FROM ${tier.table} WHERE key < ?`).run((block + 1) * SERIES_IDS);
    return true;
  }
}
