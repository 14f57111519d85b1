import type { Row, SqlInput } from "./values.js";

/** One SQL statement with `?` placeholders. */
export interface Statement {
  readonly sql: string;
  readonly params?: readonly SqlInput[] | undefined;
  /** How many rows it must change; any other number rolls the transaction back (`precondition`). */
  readonly expectChanges?: number | undefined;
}

export interface StatementResult {
  /** Rows inserted, updated or deleted by the statement itself, not by triggers or cascades. */
  readonly changes: number;
  /** What RETURNING or SELECT gave, else empty. */
  readonly rows: Row[];
}

/** Counts since the storage was opened. */
export interface StorageStats {
  /** COMMITs that wrote and were flushed to the disk. Smaller than `transactions` when callers shared one. */
  readonly commits: number;
  /** Calls of `write` that were applied. */
  readonly transactions: number;
  /** Calls of `write` that were rejected by the database. */
  readonly failed: number;
  /** The most transactions that shared one commit. */
  readonly largestGroup: number;
  /** Transactions that wait or are under way now. */
  readonly pending: number;
}

/**
 * A durable store of rows. One per process and file; any number of callers at once.
 *
 * Everything rejects with StorageError (its codes say what to do) or, for a signal, with the signal's reason.
 *
 * SQL is written once for SQLite and PostgreSQL. What both know: `?` placeholders, INSERT … ON CONFLICT … DO,
 * RETURNING, WITH, window functions, CASE, COALESCE. To be avoided: INSERT OR …, `?` as an operator, `rowid`,
 * double-quoted strings, `json_…` functions, date functions (times are RFC 3339 TEXT or INTEGER milliseconds),
 * and comparing columns with values of another type. Booleans are kept as INTEGER 0 or 1. Without ORDER BY there
 * is no order.
 */
export interface Storage extends AsyncDisposable {
  /**
   * Runs the statements as one transaction. Resolves, with one result per statement, when they are on the disk
   * (fsync has returned), and applies all or none of them.
   *
   * Transactions are applied in the order of the calls. Those that arrive while a commit is under way share the next
   * one; one that fails is rejected alone.
   *
   * @param signal Aborted before the transaction has been handed to the database: it is not applied and the promise
   * rejects with the signal's reason. Later it has no effect: the outcome is told as it is.
   */
  write(statements: readonly Statement[], signal?: AbortSignal): Promise<StatementResult[]>;
  /** All rows of a SELECT. Sees every write that has resolved before the call; waits for no other. At most 100,000 rows (`programming`): use LIMIT. */
  all<T extends object = Row>(sql: string, params?: readonly SqlInput[]): Promise<T[]>;
  /** The first row of a SELECT, if there is one. Sees what {@link all} sees. */
  get<T extends object = Row>(sql: string, params?: readonly SqlInput[]): Promise<T | undefined>;
  /** Refuses new calls, finishes those under way, closes the file. The same promise on every call. */
  close(): Promise<void>;
  stats(): StorageStats;
  /**
   * Whether this store was put back from a backup and the owner of `namespace` (default: of the first migration set)
   * has not yet settled what that means: what happened since the backup is forgotten here, but not in the world.
   */
  restored(namespace?: string): Promise<Restored | undefined>;
}

/** A restore from a backup that an owner of tables has yet to settle. */
export interface Restored {
  readonly id: string;
  /** When the backup was put back, RFC 3339 UTC. */
  readonly restoredAt: string;
  /** When the backup was made: what was written after it is lost. */
  readonly backupAt: string;
  /** Part of the transaction with which the owner settles it; {@link Storage.restored} tells no more of it then. */
  readonly settled: Statement;
}

/** One step of a schema. Once released, neither changed nor removed: add another. */
export interface Migration {
  /** Positive, rising. */
  readonly id: number;
  readonly name: string;
  /** One or more statements, without BEGIN or COMMIT. */
  readonly sql: string;
}

/** The schema of one owner of tables (a service, the agent). */
export interface MigrationSet {
  /** The owner, e.g. `power`. Its tables begin with this word, so that owners can share a database. */
  readonly namespace: string;
  readonly steps: readonly Migration[];
}

interface CommonOptions {
  /** Those of one owner, or of several whose rows are written in one transaction. */
  readonly migrations: MigrationSet | readonly MigrationSet[];
  /** Only `all` and `get`; the store must be there with all migrations applied. */
  readonly readonly?: boolean | undefined;
  /** How long a transaction waits for another process's, or for a server that is away. Default: 5 s, 10 s for a server. */
  readonly busyTimeoutMs?: number | undefined;
}

export interface SqliteOptions extends CommonOptions {
  /** Path of the SQLite file. Its directory is made when it is not there. */
  readonly file: string;
  /** The file may not grow beyond this (`full`). Unbounded by default. */
  readonly maximumBytes?: number | undefined;
  /**
   * Reads take their turn in the thread that writes, which saves the memory of another one (some 14 MiB). A read waits
   * for a commit that is under way then, and a commit for a read: only where all reads are short.
   */
  readonly oneThread?: boolean | undefined;
}

export interface PostgresOptions extends CommonOptions {
  /** `postgresql://user:password@host:5432/database`; libpq's parameters may follow, `?sslmode=verify-full` among them. */
  readonly url: string;
  /** Every transaction holds only as long as this lease is still this process's; else it is refused (`held`). */
  readonly lease?: LeaseToken | undefined;
}

/** What stands in the database for the active instance of a service. */
export interface LeaseToken {
  readonly name: string;
  /** Rises with every instance that becomes active. */
  readonly epoch: number;
}

export type StorageOptions = SqliteOptions | PostgresOptions;

/** The migration sets of a storage, as a list. */
export function migrationSets({ migrations }: CommonOptions): readonly MigrationSet[] {
  return "namespace" in migrations ? [migrations] : migrations;
}
