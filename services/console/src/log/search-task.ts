import type { SearchHit, SearchQuery } from "./console-log.js";

/** What a search worker is told, as it crosses to it. */
export interface SearchTask {
  readonly kind: "search";
  readonly query: Pick<SearchQuery, "query" | "regex">;
  readonly sinceMicros: number;
  readonly untilMicros: number;
  readonly limit: number;
  readonly context: number;
  readonly logs: readonly SearchedLog[];
  /** Set to 1 by the asker when nobody wants the rest. */
  readonly cancelled: SharedArrayBuffer;
}

export interface SearchedLog {
  readonly node: string;
  readonly directory: string;
  readonly segments: readonly SearchedSegment[];
}

export interface SearchedSegment {
  readonly first: number;
  readonly end: number;
  readonly line: number;
  readonly lastMicros: number;
  readonly sealed: boolean;
  /** What its files do not hold yet: bytes from a position on, and where and when their runs begin. */
  readonly unwritten?: {
    readonly position: number;
    readonly bytes: Uint8Array;
    readonly positions: readonly number[];
    readonly micros: readonly number[];
  };
}

export interface SealTask {
  readonly kind: "seal";
  readonly directory: string;
  readonly first: number;
}

/** What a worker says: hits as they are found, and then that it is done or why not. */
export type WorkerAnswer =
  | { readonly kind: "hits"; readonly hits: readonly SearchHit[] }
  | { readonly kind: "done"; readonly statistics?: SearchStatistics }
  | { readonly kind: "failed"; readonly message: string };

/** How much a search had to look at. */
export interface SearchStatistics {
  readonly blocks: number;
  readonly blocksRead: number;
}
