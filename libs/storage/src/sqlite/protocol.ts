import type { MigrationSet } from "../storage.js";
import type { BoundStatement, BoundTransaction, Failure, GroupResult } from "../transaction.js";
import type { Row } from "../values.js";

/** What passes between a storage and its database thread. One reply per request, in order; the first reply tells of the opening. */

export interface ConnectionOptions {
  readonly file: string;
  readonly readonly: boolean;
  readonly busyTimeoutMs: number;
  readonly maximumBytes: number | undefined;
  /** Undefined for a further connection, whose tables the first one has seen to. */
  readonly migrations: readonly MigrationSet[] | undefined;
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
