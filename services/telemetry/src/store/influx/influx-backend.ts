import { join } from "node:path";
import { DeliveryError, type Backend, type Delivered, type Delivery } from "../backend.js";
import { unavailable } from "../http.js";
import { compare } from "../embedded/catalogue.js";
import { TEXT_FIELD } from "../line-protocol.js";
import { DATABASE_RETENTION, type StoreConfig, type StoreDeps } from "../store-config.js";
import {
  StoreError,
  type RangeQuery,
  type Series,
  type StoreTraits,
  type TextPoint,
  type TextQuery,
} from "../store.js";
import { InfluxClient } from "./influx-client.js";
import { InfluxRange, whereOf } from "./influx-query.js";
import type { DatabaseUrl } from "./influx-url.js";
import { LineWriter, NoDatabaseError } from "./line-writer.js";
import { RollUps } from "./roll-ups.js";

/**
 * InfluxDB 1.x: database, retention policies and roll-ups are made by us. Of 2 and 3 (`influx-compatible`) only the
 * endpoints that are compatible with 1.x are used, so that those have to be made by a person.
 */
export class InfluxBackend implements Backend {
  readonly traits: StoreTraits;
  /** It flushes its own log before it answers. */
  readonly settleMs = 0;
  readonly #client: InfluxClient;
  readonly #writer: LineWriter;
  #isPrepared = false;

  private constructor(
    at: DatabaseUrl,
    private readonly config: StoreConfig,
    client: InfluxClient,
    private readonly rollUps: RollUps | undefined,
  ) {
    this.#client = client;
    const parameters = new URLSearchParams({ db: at.database, precision: "ms" });
    if (rollUps) parameters.set("rp", "raw");
    this.#writer = new LineWriter(at.target, `/write?${parameters.toString()}`);
    this.traits = {
      kind: rollUps ? "influx" : "influx-compatible",
      keepsTexts: true,
      lastWriteWins: true,
      rollsUp: rollUps !== undefined,
    };
    this.#isPrepared = rollUps === undefined;
  }

  static async open(at: DatabaseUrl, config: StoreConfig, deps: StoreDeps): Promise<InfluxBackend> {
    const client = new InfluxClient(at);
    if (at.kind === "influx-compatible") return new InfluxBackend(at, config, client, undefined);
    const file = join(config.directory, "roll-ups.json");
    const rollUps = await RollUps.open(client, file, deps.clock, deps.log);
    return new InfluxBackend(at, config, client, rollUps);
  }

  get notice(): string | undefined {
    return this.rollUps?.problem;
  }

  async deliver(delivery: Delivery, signal: AbortSignal): Promise<Delivered> {
    if (!this.#isPrepared) await this.#prepare(signal);
    try {
      const delivered = await this.#writer.write(delivery, signal);
      await this.rollUps?.mark(delivery.records.flatMap(({ minutes }) => [...minutes]));
      return delivered;
    } catch (error) {
      // Somebody has removed it.
      if (error instanceof NoDatabaseError && this.rollUps) this.#isPrepared = false;
      throw error;
    }
  }

  async incarnation(): Promise<string> {
    return "";
  }

  async range(query: RangeQuery, signal: AbortSignal): Promise<readonly Series[]> {
    signal.throwIfAborted();
    const { rollUps } = this;
    const complete = rollUps && ((tier: "minutes" | "hours") => rollUps.completeUntilMs(tier));
    try {
      return await new InfluxRange(this.#client, query, complete).read(signal);
    } catch (error) {
      throw this.#unreadable(error, signal);
    }
  }

  async texts(query: TextQuery, signal: AbortSignal): Promise<readonly TextPoint[]> {
    signal.throwIfAborted();
    const where = whereOf(query.tags);
    const during = `time >= ${query.fromMs}ms AND time < ${query.toMs}ms`;
    const source = this.#client.source(this.rollUps && "raw", query.measurement);
    const text = `SELECT "${TEXT_FIELD}" FROM ${source} WHERE ${during}${where === "" ? "" : ` AND ${where}`} GROUP BY * ORDER BY time DESC LIMIT ${query.limit}`;
    try {
      const found = await this.#client.query(text, signal);
      return found
        .flatMap(({ tags = {}, values }) =>
          values.map(([atMs, message]) => ({
            atMs: Number(atMs),
            tags: Object.fromEntries(Object.entries(tags).filter(([, value]) => value !== "")),
            text: String(message),
          })),
        )
        .toSorted((a, b) => b.atMs - a.atMs || compare(a.text, b.text))
        .slice(0, query.limit);
    } catch (error) {
      throw this.#unreadable(error, signal);
    }
  }

  /** Makes roll-ups of what is due now. For tests. */
  async rollUp(): Promise<void> {
    await this.rollUps?.run();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.rollUps?.[Symbol.asyncDispose]();
  }

  async #prepare(signal: AbortSignal): Promise<void> {
    try {
      await this.#client.prepare({
        ...DATABASE_RETENTION,
        ...this.config.retention,
      });
      this.#isPrepared = true;
    } catch (cause) {
      signal.throwIfAborted();
      throw new DeliveryError(
        `The database cannot be made in InfluxDB: ${(cause as Error).message}. Look whether it runs, whether it can be reached from here, and whether the user in OUTRIDER_INFLUX_URL may make databases.`,
        { cause },
      );
    }
  }

  #unreadable(error: unknown, signal: AbortSignal): unknown {
    if (signal.aborted) return signal.reason;
    if (error instanceof StoreError) return error;
    return unavailable(
      `The time-series database cannot be asked: ${(error as Error).message}.`,
      error,
    );
  }
}
