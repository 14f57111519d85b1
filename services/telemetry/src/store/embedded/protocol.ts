import type { Retention } from "../store-config.js";
import type { Columns } from "./tables.js";

/** What the threads of the embedded store are told and say. */
export interface WriterOptions {
  readonly file: string;
  readonly maximumBytes: number;
  readonly retention: Retention;
  readonly nowMs: number;
}

export type SeriesRow = readonly [id: number, key: string, field: string];
/** With the days on which it was written first and last. */
export type KeptSeriesRow = readonly [...SeriesRow, first: number, last: number];
export type TextRow = readonly [atMs: number, key: string, text: string];

export type WriteRequest =
  | {
      readonly kind: "write";
      readonly nowMs: number;
      readonly series: readonly SeriesRow[];
      readonly points: Columns;
      readonly texts: readonly TextRow[];
    }
  /** Looks whether there is something to sort or to remove. */
  | { readonly kind: "tidy"; readonly nowMs: number; readonly sealAll: boolean }
  /** Removes series and all that is kept of them. */
  | { readonly kind: "forget"; readonly ids: readonly number[] }
  | { readonly kind: "close" };

export type WriteReply =
  | { readonly kind: "opened"; readonly series: readonly KeptSeriesRow[]; readonly moved?: string }
  | {
      readonly kind: "done";
      /** Points that were taken before, and were left out since the last such reply. */
      readonly tooLate: number;
    }
  | { readonly kind: "failed"; readonly isFull: boolean; readonly message: string };

export interface RangeRequest {
  readonly kind: "range";
  readonly ids: Uint32Array;
  readonly fromMs: number;
  readonly toMs: number;
  readonly everyMs: number;
  readonly limit: number;
  /** Its first number is no longer 0 once nobody waits for the answer. */
  readonly cancelled: SharedArrayBuffer;
}

export interface TextRequest {
  readonly kind: "texts";
  readonly fromMs: number;
  readonly toMs: number;
  readonly measurement: string;
  readonly tags: Readonly<Record<string, readonly string[]>>;
  readonly limit: number;
  readonly cancelled: SharedArrayBuffer;
}

export type ReadRequest = RangeRequest | TextRequest | { readonly kind: "close" };

/** Buckets of one series, six numbers each: time, mean, minimum, maximum, last, count. */
export type PackedBuckets = Float64Array;

export type ReadReply =
  | { readonly kind: "opened" }
  | { readonly kind: "series"; readonly series: readonly PackedBuckets[] }
  | { readonly kind: "texts"; readonly texts: readonly TextRow[] }
  | { readonly kind: "too-much" }
  | { readonly kind: "closed" }
  | { readonly kind: "failed"; readonly message: string };
