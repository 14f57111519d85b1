import { createHash, randomUUID } from "node:crypto";
import { milliseconds, systemClock } from "@outrider/contracts/clock";
import { Pool } from "pg";
import { readRestored } from "../restored.js";
import { readStatement } from "../statement-text.js";
import { isStorageError, StorageError } from "../storage-error.js";
import {
  migrationSets,
  type PostgresOptions,
  type Restored,
  type Statement,
  type StatementResult,
  type Storage,
  type StorageStats,
} from "../storage.js";
import { bind, type BoundTransaction, type GroupResult } from "../transaction.js";
import type { Row, SqlInput } from "../values.js";
import { WriteQueue } from "../write-queue.js";
import { toPostgres } from "./dialect.js";
import { commitGroup, ConnectionLost } from "./group-commit.js";
import { checkMigrated, migrate } from "./migrate.js";
import { failureOf } from "./postgres-failure.js";
import { clientConfig, placeOf, ServerConnection, type SessionSettings } from "./server.js";

const PATIENCE_MS = 10_000;
const READ_WITHIN_MS = 60_000;
const READ_AGAIN_AFTER = milliseconds(200);
const READERS = 2;
/** More rows than anybody can mean to have in memory at once. */
const ROW_LIMIT = 100_000;

/**
 * Storage in a PostgreSQL database. Writes go over one connection, one group at a time; reads have connections of their
 * own. A connection that is lost is made again, and what was under way is looked for: each group leaves its number in
 * the row of its writer, so that nothing is applied twice and nothing is told that was not.
 */
export class PostgresStorage implements Storage {
  readonly #options: PostgresOptions;
  readonly #place: string;
  readonly #patienceMs: number;
  readonly #turn: string;
  readonly #writer = randomUUID();
  readonly #queue = new WriteQueue((group) => this.#commit(group));
  readonly #readers: Pool;
  #connection: ServerConnection;
  /** Number of the last group that was tried. */
  #number = 0;
  #closing: Promise<void> | undefined;

  private constructor(options: PostgresOptions, connection: ServerConnection) {
    this.#options = options;
    this.#place = placeOf(options.url);
    this.#patienceMs = options.busyTimeoutMs ?? PATIENCE_MS;
    this.#turn = lockKey(migrationSets(options)[0]?.namespace ?? "");
    this.#connection = connection;
    this.#readers = new Pool({
      ...clientConfig(options.url, {
        lockTimeoutMs: this.#patienceMs,
        readonly: true,
        statementTimeoutMs: READ_WITHIN_MS,
      }),
      max: READERS,
    });
    // Of connections that nobody uses at the moment; the pool makes new ones.
    this.#readers.on("error", () => undefined);
  }

  /** @throws StorageError `unreachable`, `migration` … */
  static async open(options: PostgresOptions): Promise<PostgresStorage> {
    const sets = migrationSets(options);
    const connection = await connect(options);
    try {
      if (options.readonly) await checkMigrated(connection.client, sets);
      else await migrate(connection.client, sets);
      const storage = new PostgresStorage(options, connection);
      if (options.readonly) await connection.close();
      else await storage.#register(connection);
      return storage;
    } catch (error) {
      await connection.close();
      const { code, message, cause } = failureOf(error, placeOf(options.url));
      throw new StorageError(code, message, { cause });
    }
  }

  // oxlint-disable-next-line require-await -- what is thrown here is a rejection to the caller
  async write(statements: readonly Statement[], signal?: AbortSignal): Promise<StatementResult[]> {
    this.#refuseWhenClosed();
    if (this.#options.readonly)
      throw new StorageError("programming", `${this.#place} was opened read-only`);
    return this.#queue.write(statements.map(bind), signal);
  }

  async all<T extends object = Row>(sql: string, params: readonly SqlInput[] = []): Promise<T[]> {
    const rows = await this.#read(sql, params);
    if (rows.length > ROW_LIMIT) {
      throw new StorageError(
        "programming",
        `more than ${ROW_LIMIT} rows; add LIMIT, in: ${sql.slice(0, 200)}`,
      );
    }
    return rows as T[];
  }

  async get<T extends object = Row>(
    sql: string,
    params: readonly SqlInput[] = [],
  ): Promise<T | undefined> {
    return (await this.#read(sql, params))[0] as T | undefined;
  }

  restored(namespace = migrationSets(this.#options)[0]?.namespace): Promise<Restored | undefined> {
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
    return this.#queue.stats();
  }

  /** Applies a group, over as many connections as it takes within the time that callers wait. */
  async #commit(group: readonly BoundTransaction[]): Promise<GroupResult> {
    const until = systemClock.monotonicMs() + this.#patienceMs;
    const number = (this.#number += 1);
    let committing: GroupResult | undefined;
    for (;;) {
      try {
        const connection = await this.#connected(until);
        if (committing) {
          if (await this.#committed(connection, number)) return committing;
          committing = undefined;
        }
        const result = await this.#attempt(connection, group, number);
        return result === "one-by-one" ? await this.#oneByOne(group) : result;
      } catch (error) {
        const lost = error instanceof ConnectionLost || isStorageError(error, "unreachable");
        if (!lost) throw error;
        if (error instanceof ConnectionLost) committing = error.committing ?? committing;
        if (systemClock.monotonicMs() < until) continue;
        if (!committing) throw this.#unreachable(error);
        throw new StorageError(
          "unknown",
          `${this.#place} was lost in the middle of a commit, which may or may not be done; look when it is back`,
          { cause: error },
        );
      }
    }
  }

  /** Gives up a server that does not answer at all. */
  async #attempt(
    connection: ServerConnection,
    group: readonly BoundTransaction[],
    number: number,
  ): Promise<GroupResult | "one-by-one"> {
    const done = new AbortController();
    // Somewhat more than a statement may wait for a lock, which has words of its own.
    const watch = systemClock
      .sleep(milliseconds(this.#patienceMs + 1_000), done.signal)
      .then(() => connection.drop())
      .catch(() => undefined);
    try {
      return await commitGroup(connection, group, {
        place: this.#place,
        writer: this.#writer,
        number,
        turn: this.#turn,
        lease: this.#options.lease,
      });
    } finally {
      done.abort();
      await watch;
    }
  }

  async #oneByOne(group: readonly BoundTransaction[]): Promise<GroupResult> {
    const outcomes: GroupResult["outcomes"][number][] = [];
    let commits = 0;
    for (const transaction of group) {
      const result = await this.#commit([transaction]).catch((error: unknown): GroupResult => ({
        outcomes: [{ failure: failureOf(error, this.#place) }],
        commits: 0,
      }));
      outcomes.push(...result.outcomes);
      commits += result.commits;
    }
    return { outcomes, commits };
  }

  async #connected(until: number): Promise<ServerConnection> {
    if (!this.#connection.lost) return this.#connection;
    const withinMs = Math.max(0, until - systemClock.monotonicMs());
    this.#connection = await connect(this.#options, withinMs);
    return this.#connection;
  }

  /** Whether the group of this number stands. Waits until the server is done with the lost connection's transaction. */
  async #committed(connection: ServerConnection, number: number): Promise<boolean> {
    try {
      const { rows } = await connection.client.query<{ commits: number }>(
        "SELECT commits FROM outrider_writer WHERE id = $1 FOR UPDATE",
        [this.#writer],
      );
      if (rows[0] === undefined) {
        throw new StorageError(
          "unknown",
          `${this.#place} does not remember this process, so a lost commit cannot be told; was it replaced?`,
        );
      }
      return rows[0].commits >= number;
    } catch (error) {
      if (isStorageError(error)) throw error;
      // Whatever it was, the answer is still owed.
      connection.drop();
      throw this.#unreachable(error);
    }
  }

  async #register({ client }: ServerConnection): Promise<void> {
    await client.query("DELETE FROM outrider_writer WHERE at < now() - interval '7 days'");
    await client.query("INSERT INTO outrider_writer (id, commits) VALUES ($1, 0)", [this.#writer]);
  }

  async #read(sql: string, params: readonly SqlInput[]): Promise<Row[]> {
    this.#refuseWhenClosed();
    if (readStatement(sql).writes)
      throw new StorageError("programming", `a read that writes, in: ${sql.slice(0, 200)}`);
    const query = toPostgres(sql, bind({ sql, params }).params);
    const until = systemClock.monotonicMs() + this.#patienceMs;
    for (;;) {
      try {
        return (await this.#readers.query<Row>(query)).rows;
      } catch (error) {
        const { code, message, cause } = failureOf(error, this.#place);
        const again = code === "unreachable" && systemClock.monotonicMs() < until;
        if (!again) throw new StorageError(code, message, { cause });
        await systemClock.sleep(READ_AGAIN_AFTER);
      }
    }
  }

  async #close(): Promise<void> {
    await this.#queue.idle();
    await this.#readers.end();
    if (!this.#connection.lost && !this.#options.readonly) {
      await this.#connection.client
        .query("DELETE FROM outrider_writer WHERE id = $1", [this.#writer])
        .catch(() => undefined);
    }
    await this.#connection.close();
  }

  #unreachable(cause: unknown): StorageError {
    if (isStorageError(cause, "unreachable")) return cause;
    const { message } = failureOf(
      cause instanceof ConnectionLost ? cause.cause : cause,
      this.#place,
    );
    return new StorageError("unreachable", `nothing was written: ${message}`, { cause });
  }

  #refuseWhenClosed(): void {
    if (this.#closing) throw new StorageError("closed", `${this.#place} is closed`);
  }
}

function connect(options: PostgresOptions, withinMs?: number): Promise<ServerConnection> {
  const patienceMs = options.busyTimeoutMs ?? PATIENCE_MS;
  const settings: SessionSettings = {
    lockTimeoutMs: patienceMs,
    readonly: options.readonly ?? false,
  };
  return ServerConnection.open(options.url, settings, { withinMs: withinMs ?? patienceMs });
}

/** A key of an advisory lock for a word. */
function lockKey(word: string): string {
  return createHash("sha256").update(`outrider ${word}`).digest().readBigInt64BE().toString();
}
