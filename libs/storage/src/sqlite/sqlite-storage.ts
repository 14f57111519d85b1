import { readRestored } from "../restored.js";
import { readStatement } from "../statement-text.js";
import { StorageError } from "../storage-error.js";
import {
  migrationSets,
  type Restored,
  type SqliteOptions,
  type Statement,
  type StatementResult,
  type Storage,
  type StorageStats,
} from "../storage.js";
import { bind } from "../transaction.js";
import type { Row, SqlInput } from "../values.js";
import { WriteQueue } from "../write-queue.js";
import { DatabaseClient } from "./database-client.js";
import type { ConnectionOptions } from "./protocol.js";

const BUSY_TIMEOUT_MS = 5_000;

/**
 * Storage in a SQLite file. Writes go through one thread, one group at a time. Reads have a thread of their own, so
 * that none holds up a commit, unless `oneThread` asks for less memory instead.
 */
export class SqliteStorage implements Storage {
  readonly #options: ConnectionOptions;
  readonly #writer: { readonly client: DatabaseClient; readonly queue: WriteQueue } | undefined;
  #reader: Promise<DatabaseClient> | undefined;
  #closing: Promise<void> | undefined;

  private constructor(
    options: ConnectionOptions,
    first: DatabaseClient,
    private readonly oneThread: boolean,
  ) {
    this.#options = options;
    if (options.readonly) {
      this.#reader = Promise.resolve(first);
    } else {
      const queue = new WriteQueue((group) => first.request({ kind: "write", group }));
      this.#writer = { client: first, queue };
    }
  }

  static async open(options: SqliteOptions): Promise<SqliteStorage> {
    const connection: ConnectionOptions = {
      file: options.file,
      readonly: options.readonly ?? false,
      busyTimeoutMs: options.busyTimeoutMs ?? BUSY_TIMEOUT_MS,
      maximumBytes: options.maximumBytes,
      migrations: migrationSets(options),
    };
    return new SqliteStorage(
      connection,
      await DatabaseClient.open(connection),
      options.oneThread ?? false,
    );
  }

  // oxlint-disable-next-line require-await -- what is thrown here is a rejection to the caller
  async write(statements: readonly Statement[], signal?: AbortSignal): Promise<StatementResult[]> {
    this.#refuseWhenClosed();
    if (!this.#writer)
      throw new StorageError("programming", `${this.#options.file} was opened read-only`);
    return this.#writer.queue.write(statements.map(bind), signal);
  }

  async all<T extends object = Row>(sql: string, params: readonly SqlInput[] = []): Promise<T[]> {
    return (await this.#read(sql, params, false)) as unknown as T[];
  }

  async get<T extends object = Row>(
    sql: string,
    params: readonly SqlInput[] = [],
  ): Promise<T | undefined> {
    return (await this.#read(sql, params, true))[0] as unknown as T | undefined;
  }

  restored(namespace = this.#options.migrations?.[0]?.namespace): Promise<Restored | undefined> {
    return readRestored(this, namespace);
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  stats(): StorageStats {
    return this.#writer?.queue.stats() ?? NOTHING_WRITTEN;
  }

  async #read(sql: string, params: readonly SqlInput[], first: boolean): Promise<Row[]> {
    this.#refuseWhenClosed();
    if (readStatement(sql).writes)
      throw new StorageError("programming", `a read that writes, in: ${sql.slice(0, 200)}`);
    const statement = bind({ sql, params });
    if (this.oneThread && this.#writer) {
      return this.#writer.client.request({ kind: "read", statement, first });
    }
    const reader = await (this.#reader ??= this.#openReader());
    // A thread that a read has killed (rows larger than its memory) is no loss to the next one.
    if (reader.dead && this.#writer) {
      this.#reader = undefined;
      return this.#read(sql, params, first);
    }
    return reader.request({ kind: "read", statement, first });
  }

  async #openReader(): Promise<DatabaseClient> {
    try {
      return await DatabaseClient.open({ ...this.#options, readonly: true, migrations: undefined });
    } catch (error) {
      // The next read tries again.
      this.#reader = undefined;
      throw error;
    }
  }

  async #close(): Promise<void> {
    await this.#writer?.queue.idle();
    const reader = await this.#reader?.catch(() => undefined);
    await reader?.close();
    // Last, so that SQLite moves the log into the file and removes it.
    await this.#writer?.client.close();
  }

  #refuseWhenClosed(): void {
    if (this.#closing) throw new StorageError("closed", `${this.#options.file} is closed`);
  }
}

const NOTHING_WRITTEN: StorageStats = {
  commits: 0,
  transactions: 0,
  failed: 0,
  largestGroup: 0,
  pending: 0,
};
