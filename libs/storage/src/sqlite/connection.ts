import { closeSync, fsyncSync, mkdirSync, openSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { DatabaseSync, type StatementSync } from "node:sqlite";
import { StorageError } from "../storage-error.js";
import { unbindValue, type Row, type SqlOutput } from "../values.js";
import { checkMigrated, migrate } from "./migrate.js";
import type { BoundStatement } from "../transaction.js";
import type { ConnectionOptions } from "./protocol.js";
import { layOutReserve } from "./reserve.js";

const CACHE_LIMIT = 200;
/** More rows than anybody can mean to have in memory at once. */
const ROW_LIMIT = 100_000;

interface Prepared {
  readonly statement: StatementSync;
  readonly givesRows: boolean;
}

/** One SQLite connection with its prepared statements. Used by one thread only. */
export class Connection {
  readonly db: DatabaseSync;
  readonly #prepared = new Map<string, Prepared>();

  /** @throws what SQLite says, or StorageError `migration`; the file is closed then. */
  constructor(options: ConnectionOptions) {
    if (!options.readonly) makeDirectory(dirname(resolve(options.file)));
    this.db = new DatabaseSync(options.file, {
      readOnly: options.readonly,
      timeout: options.busyTimeoutMs,
      enableForeignKeyConstraints: true,
      enableDoubleQuotedStringLiterals: false,
    });
    try {
      // Temporary files would be one more thing that a full disk refuses.
      this.db.exec("PRAGMA temp_store = MEMORY");
      if (!options.readonly) this.#prepareFile(options);
      if (options.migrations) {
        if (options.readonly) checkMigrated(this.db, options.migrations);
        else migrate(this.db, options.migrations);
      }
      if (!options.readonly) layOutReserve(this.db, options.file);
    } catch (error) {
      this.db.close();
      throw error;
    }
  }

  #prepareFile(options: ConnectionOptions): void {
    this.db.exec("PRAGMA journal_mode = WAL");
    // In WAL mode FULL means: the log is flushed before a COMMIT returns.
    this.db.exec("PRAGMA synchronous = FULL");
    if (options.maximumBytes !== undefined) {
      const { page_size: pageBytes } = this.db.prepare("PRAGMA page_size").get() as {
        page_size: number;
      };
      this.db.exec(
        `PRAGMA max_page_count = ${Math.max(1, Math.floor(options.maximumBytes / pageBytes))}`,
      );
    }
  }

  /** Runs any statement to its end. */
  run(bound: BoundStatement): { changes: number; rows: Row[] } {
    const { statement, givesRows } = this.#prepare(bound.sql);
    if (!givesRows) return { changes: Number(statement.run(...bound.params).changes), rows: [] };
    // changes() keeps its last value when a statement changes nothing of its own; the total tells the two apart.
    const before = this.#counts().total;
    const rows = unbindRows(statement.all(...bound.params));
    const after = this.#counts();
    return { changes: after.total === before ? 0 : after.changes, rows };
  }

  /** @throws StorageError `programming` for more than {@link ROW_LIMIT} rows. */
  all(bound: BoundStatement): Row[] {
    const rows: Record<string, SqlOutput>[] = [];
    for (const row of this.#prepare(bound.sql).statement.iterate(...bound.params)) {
      if (rows.length === ROW_LIMIT) {
        throw new StorageError(
          "programming",
          `more than ${ROW_LIMIT} rows; add LIMIT, in: ${bound.sql.slice(0, 200)}`,
        );
      }
      rows.push(row);
    }
    return unbindRows(rows);
  }

  first(bound: BoundStatement): Row[] {
    const row = this.#prepare(bound.sql).statement.get(...bound.params);
    return row === undefined ? [] : unbindRows([row]);
  }

  #counts(): { changes: number; total: number } {
    const row = this.#prepare(
      "SELECT changes() AS changes, total_changes() AS total",
    ).statement.get();
    return { changes: Number(row?.["changes"]), total: Number(row?.["total"]) };
  }

  #prepare(sql: string): Prepared {
    let prepared = this.#prepared.get(sql);
    if (!prepared) {
      const statement = this.db.prepare(sql);
      statement.setReadBigInts(true);
      prepared = { statement, givesRows: statement.columns().length > 0 };
      if (this.#prepared.size >= CACHE_LIMIT) this.#prepared.clear();
      this.#prepared.set(sql, prepared);
    }
    return prepared;
  }
}

function unbindRows(rows: Record<string, SqlOutput>[]): Row[] {
  for (const row of rows) {
    for (const name in row) row[name] = unbindValue(row[name] ?? null);
  }
  return rows;
}

/** SQLite flushes the entry of a new file in its directory; that of a new directory in its parent is ours to flush. */
function makeDirectory(path: string): void {
  const first = mkdirSync(path, { recursive: true, mode: 0o700 });
  if (first === undefined) return;
  for (let made = path; made.length >= first.length; made = dirname(made)) {
    const parent = openSync(dirname(made), "r");
    fsyncSync(parent);
    closeSync(parent);
  }
}
