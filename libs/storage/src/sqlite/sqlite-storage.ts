import { StorageError } from "../storage-error.js";
import { readStatement } from "../statement-text.js";
import type {
  Statement,
  StatementResult,
  Storage,
  StorageOptions,
  StorageStats,
} from "../storage.js";
import { bindValue, type Row, type SqlInput } from "../values.js";
import { DatabaseClient, errorOf } from "./database-client.js";
import type {
  BoundStatement,
  BoundTransaction,
  ConnectionOptions,
  GroupResult,
} from "./protocol.js";

const BUSY_TIMEOUT_MS = 5_000;
/** Beyond this a longer group saves next to nothing and everybody in it waits for the last. */
const GROUP_LIMIT = 256;

interface PendingWrite {
  readonly transaction: BoundTransaction;
  resolve(results: StatementResult[]): void;
  reject(error: unknown): void;
  /** Stops listening to the caller's signal. */
  detach(): void;
}

/**
 * Storage in a SQLite file. Writes go through one thread, one group at a time: what is called while a group is under
 * way waits here and makes the next one. Reads have a thread of their own, so that none holds up a commit.
 */
export class SqliteStorage implements Storage {
  readonly #options: ConnectionOptions;
  readonly #writer: DatabaseClient | undefined;
  #reader: Promise<DatabaseClient> | undefined;
  readonly #queue: PendingWrite[] = [];
  #underWay = 0;
  #flushPlanned = false;
  #closing: Promise<void> | undefined;
  #idle: (() => void) | undefined;
  readonly #counts = { commits: 0, transactions: 0, failed: 0, largestGroup: 0 };

  private constructor(options: ConnectionOptions, first: DatabaseClient) {
    this.#options = options;
    if (options.readonly) this.#reader = Promise.resolve(first);
    else this.#writer = first;
  }

  static async open(options: StorageOptions): Promise<SqliteStorage> {
    const connection: ConnectionOptions = {
      file: options.file,
      readonly: options.readonly ?? false,
      busyTimeoutMs: options.busyTimeoutMs ?? BUSY_TIMEOUT_MS,
      maximumBytes: options.maximumBytes,
      migrations: options.migrations,
    };
    return new SqliteStorage(connection, await DatabaseClient.open(connection));
  }

  write(statements: readonly Statement[], signal?: AbortSignal): Promise<StatementResult[]> {
    return new Promise((resolve, reject) => {
      this.#refuseWhenClosed();
      if (!this.#writer)
        throw new StorageError("programming", `${this.#options.file} was opened read-only`);
      const transaction = statements.map(bind);
      signal?.throwIfAborted();
      if (transaction.length === 0) return resolve([]);
      const pending: PendingWrite = {
        transaction,
        resolve,
        reject,
        detach: () => signal?.removeEventListener("abort", abort),
      };
      const abort = (): void => {
        const place = this.#queue.indexOf(pending);
        if (place < 0) return;
        this.#queue.splice(place, 1);
        reject(signal?.reason);
        this.#settleIdle();
      };
      signal?.addEventListener("abort", abort, { once: true });
      this.#queue.push(pending);
      this.#planFlush();
    });
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

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  stats(): StorageStats {
    return { ...this.#counts, pending: this.#queue.length + this.#underWay };
  }

  async #read(sql: string, params: readonly SqlInput[], first: boolean): Promise<Row[]> {
    this.#refuseWhenClosed();
    if (readStatement(sql).writes)
      throw new StorageError("programming", `a read that writes, in: ${sql.slice(0, 200)}`);
    const statement = bind({ sql, params });
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

  /** Everything called in the same turn of the event loop goes into one group; microtasks cost no time. */
  #planFlush(): void {
    if (this.#flushPlanned || this.#underWay > 0) return;
    this.#flushPlanned = true;
    queueMicrotask(() => {
      this.#flushPlanned = false;
      this.#flush();
    });
  }

  #flush(): void {
    if (this.#queue.length === 0 || !this.#writer) return;
    const group = this.#queue.splice(0, GROUP_LIMIT);
    this.#underWay = group.length;
    for (const pending of group) pending.detach();
    void this.#commit(this.#writer, group);
  }

  async #commit(writer: DatabaseClient, group: readonly PendingWrite[]): Promise<void> {
    const transactions = group.map((pending) => pending.transaction);
    const result = await writer
      .request({ kind: "write", group: transactions })
      .catch((error: unknown) => ({ error }));
    // The next group starts before anybody is told of this one: the disk should not wait for the callers.
    this.#underWay = 0;
    this.#flush();
    if ("error" in result) {
      this.#counts.failed += group.length;
      for (const pending of group) pending.reject(result.error);
    } else {
      this.#settle(group, result);
    }
    this.#settleIdle();
  }

  #settle(group: readonly PendingWrite[], result: GroupResult): void {
    let applied = 0;
    for (const [index, pending] of group.entries()) {
      const outcome = result.outcomes[index];
      if (outcome === undefined) {
        pending.reject(new StorageError("programming", "the database thread lost an outcome"));
      } else if ("failure" in outcome) {
        this.#counts.failed += 1;
        pending.reject(errorOf(outcome.failure));
      } else {
        applied += 1;
        pending.resolve(outcome.results);
      }
    }
    this.#counts.commits += result.commits;
    this.#counts.transactions += applied;
    if (result.commits === 1)
      this.#counts.largestGroup = Math.max(this.#counts.largestGroup, applied);
  }

  #settleIdle(): void {
    if (this.#underWay === 0 && this.#queue.length === 0) this.#idle?.();
  }

  async #close(): Promise<void> {
    if (this.#underWay > 0 || this.#queue.length > 0)
      await new Promise<void>((resolve) => (this.#idle = resolve));
    const reader = await this.#reader?.catch(() => undefined);
    await reader?.close();
    // Last, so that SQLite moves the log into the file and removes it.
    await this.#writer?.close();
  }

  #refuseWhenClosed(): void {
    if (this.#closing) throw new StorageError("closed", `${this.#options.file} is closed`);
  }
}

function bind(statement: Statement): BoundStatement {
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
