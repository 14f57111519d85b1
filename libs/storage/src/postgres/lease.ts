import { milliseconds, systemClock, type Clock } from "@outrider/contracts/clock";
import { isStorageError, StorageError } from "../storage-error.js";
import type { LeaseToken } from "../storage.js";
import { makeServerTables } from "./migrate.js";
import { failureOf } from "./postgres-failure.js";
import { placeOf, ServerConnection } from "./server.js";

export interface LeaseOptions {
  readonly url: string;
  /** Of the service: lower-case letters, digits and inner hyphens. */
  readonly name: string;
  /** What other instances are told of this one. */
  readonly holder: string;
  /** Told once when another instance has taken over: this one must end. */
  readonly lost: (error: StorageError) => void;
  readonly clock?: Clock | undefined;
  /** How long it lasts without being renewed, in milliseconds. Default 6 s. */
  readonly ttlMs?: number | undefined;
}

/** The right to be the active instance, as a row of the database that is renewed while the process lives. */
export interface Lease {
  readonly token: LeaseToken;
  /** Whether it was renewed within its time by this process's clock. When not, others may take it at any moment. */
  readonly certain: boolean;
  release(): Promise<void>;
}

const TTL_MS = 6_000;
/** How long a server that is away is waited for before the next try, in milliseconds. */
const CONNECT_WITHIN_MS = 2_000;

const TAKE = `INSERT INTO outrider_lease AS held (name, epoch, holder, since, until)
  VALUES ($1, 1, $2, clock_timestamp(), clock_timestamp() + $3 * interval '1 ms')
  ON CONFLICT (name) DO UPDATE SET epoch = held.epoch + 1, holder = $2, since = clock_timestamp(),
    until = clock_timestamp() + $3 * interval '1 ms' WHERE held.until < clock_timestamp()
  RETURNING epoch`;
const RENEW = `UPDATE outrider_lease SET until = clock_timestamp() + $3 * interval '1 ms'
  WHERE name = $1 AND epoch = $2`;
const RELEASE =
  "UPDATE outrider_lease SET until = clock_timestamp() - interval '1 ms' WHERE name = $1 AND epoch = $2";
const WHO = `SELECT holder, to_char(since AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"') AS since
  FROM outrider_lease WHERE name = $1`;

/**
 * Makes this process the active instance of `name` among those that share the database.
 *
 * The database's clock alone says when a lease has run out. It need not agree with ours: what a process writes that was
 * overtaken without knowing is refused by the database, since each transaction of its storages depends on the token.
 * A lease that ran out while the server was away is renewed when nobody else has taken it.
 *
 * @throws StorageError `held`, at once, with who holds it; `unreachable` …
 */
export async function acquireLease(options: LeaseOptions): Promise<Lease> {
  const { url, name, holder, ttlMs = TTL_MS } = options;
  if (!/^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/.test(name))
    throw new StorageError("programming", "a lease is named in letters, digits and hyphens");
  const connection = await connect(url, ttlMs);
  const { client } = connection;
  const clock = options.clock ?? systemClock;
  try {
    await makeServerTables(client);
    const askedMs = clock.monotonicMs();
    const { rows } = await client.query<{ epoch: number }>(TAKE, [name, holder, ttlMs]);
    const epoch = rows[0]?.epoch;
    if (epoch !== undefined)
      return new RenewedLease(options, clock, connection, { name, epoch }, askedMs);
    const who = (await client.query<{ holder: string; since: string }>(WHO, [name])).rows[0];
    throw new StorageError(
      "held",
      `${name} is already active in ${placeOf(url)}: ${JSON.stringify(who?.holder)} since ${who?.since}; stop it first, or leave this one as a stand-by`,
    );
  } catch (error) {
    await connection.close();
    const { code, message, cause } = failureOf(error, placeOf(url));
    throw new StorageError(code, message, { cause });
  }
}

class RenewedLease implements Lease {
  readonly #ttlMs: number;
  readonly #stopped = new AbortController();
  readonly #renewing: Promise<void>;
  #connection: ServerConnection;
  #renewedMs: number;

  constructor(
    private readonly options: LeaseOptions,
    private readonly clock: Clock,
    connection: ServerConnection,
    readonly token: LeaseToken,
    askedMs: number,
  ) {
    this.#ttlMs = options.ttlMs ?? TTL_MS;
    this.#connection = connection;
    this.#renewedMs = askedMs;
    this.#renewing = this.#renew();
  }

  get certain(): boolean {
    return this.clock.monotonicMs() - this.#renewedMs < this.#ttlMs;
  }

  async release(): Promise<void> {
    if (this.#stopped.signal.aborted) return;
    this.#stopped.abort();
    await this.#renewing;
    const { name, epoch } = this.token;
    if (!this.#connection.lost)
      await this.#connection.client.query(RELEASE, [name, epoch]).catch(() => undefined);
    await this.#connection.close();
  }

  async #renew(): Promise<void> {
    const { signal } = this.#stopped;
    while (!signal.aborted) {
      await this.clock.sleep(milliseconds(this.#ttlMs / 3), signal).catch(() => undefined);
      if (signal.aborted) return;
      try {
        await this.#once();
      } catch (error) {
        // A server that is away gives the lease to nobody.
        if (isStorageError(error, "unreachable", "busy")) continue;
        const { code, message, cause } = failureOf(error, placeOf(this.options.url));
        if (["unreachable", "busy", "full", "io"].includes(code)) continue;
        this.#stopped.abort();
        await this.#connection.close();
        this.options.lost(new StorageError(code, message, { cause }));
      }
    }
  }

  async #once(): Promise<void> {
    const { url } = this.options;
    const { name, epoch } = this.token;
    if (this.#connection.lost) this.#connection = await connect(url, this.#ttlMs);
    const askedMs = this.clock.monotonicMs();
    const { rowCount } = await this.#connection.client.query(RENEW, [name, epoch, this.#ttlMs]);
    if (rowCount === 1) {
      this.#renewedMs = askedMs;
      return;
    }
    const who = await this.#connection.client.query<{ holder: string }>(WHO, [name]);
    throw new StorageError(
      "held",
      `${JSON.stringify(who.rows[0]?.holder)} has taken over as ${name} in ${placeOf(url)}, since this process stood still for too long; it ends, start it again as a stand-by`,
    );
  }
}

function connect(url: string, ttlMs: number): Promise<ServerConnection> {
  const settings = { lockTimeoutMs: ttlMs, statementTimeoutMs: ttlMs };
  return ServerConnection.open(url, settings, { withinMs: CONNECT_WITHIN_MS });
}
