import { StorageError, type StorageErrorCode } from "./storage-error.js";
import { readStatement } from "./statement-text.js";
import type { Statement, StatementResult } from "./storage.js";
import { bindValue } from "./values.js";

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

/** @throws StorageError `programming` when text or parameters are wrong */
export function bind(statement: Statement): BoundStatement {
  const { sql, params = [], expectChanges } = statement;
  const { placeholders } = readStatement(sql);
  if (params.length !== placeholders) {
    throw new StorageError(
      "programming",
      `${placeholders} placeholders but ${params.length} parameters, in: ${sql.slice(0, 200)}`,
    );
  }
  return { sql, params: params.map(bindValue), expectChanges };
}
