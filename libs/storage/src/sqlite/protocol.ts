import type { MigrationSet, StatementResult } from "../storage.js";
import type { StorageErrorCode } from "../storage-error.js";
import type { Row } from "../values.js";

/** What passes between a storage and its database thread. One reply per request, in order; the first reply tells of the opening. */

export interface ConnectionOptions {
  readonly file: string;
  readonly readonly: boolean;
  readonly busyTimeoutMs: number;
  readonly maximumBytes: number | undefined;
  /** Undefined for a further connection, whose tables the first one has seen to. */
  readonly migrations: MigrationSet | undefined;
}

/** A statement whose text and parameters have been checked. */
export interface BoundStatement {
  readonly sql: string;
  readonly params: readonly (string | number | bigint | null | Uint8Array)[];
  readonly expectChanges: number | undefined;
}
export type BoundTransaction = readonly BoundStatement[];

export interface Failure {
  readonly code: StorageErrorCode;
  readonly message: string;
  readonly statement?: number | undefined;
  readonly cause?: unknown;
}

export type Outcome = { readonly results: StatementResult[] } | { readonly failure: Failure };

export interface GroupResult {
  /** One per transaction, in order. */
  readonly outcomes: readonly Outcome[];
  /** COMMITs that wrote. */
  readonly commits: number;
}

export type Request =
  | { readonly kind: "write"; readonly group: readonly BoundTransaction[] }
  | { readonly kind: "read"; readonly statement: BoundStatement; readonly first: boolean }
  | { readonly kind: "close" };

export interface ReplyOf {
  write: GroupResult;
  read: Row[];
  close: void;
}

export type Reply = { readonly value: unknown } | { readonly failure: Failure };
