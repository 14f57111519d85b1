import { DeliveryError, type Backend, type Delivered, type Delivery } from "./backend.js";
import { request, unavailable } from "./http.js";
import { InfluxBackend } from "./influx/influx-backend.js";
import type { DatabaseKind, DatabaseUrl } from "./influx/influx-url.js";
import type { StoreConfig, StoreDeps } from "./store-config.js";
import type { RangeQuery, Series, StoreTraits, TextPoint, TextQuery } from "./store.js";
import { VictoriaBackend } from "./victoria/victoria-backend.js";

const WITHIN_MS = 10_000;

/** A database that was not heard of yet: what it is, is asked as soon as it is needed. */
export class AskedBackend implements Backend {
  #backend: Backend | undefined;
  #asking: Promise<Backend> | undefined;

  constructor(
    private readonly at: DatabaseUrl,
    private readonly config: StoreConfig,
    private readonly deps: StoreDeps,
  ) {}

  get traits(): StoreTraits {
    return (
      this.#backend?.traits ?? {
        kind: this.at.kind ?? "influx",
        keepsTexts: this.at.kind !== "victoria",
        lastWriteWins: this.at.kind !== "victoria",
        rollsUp: (this.at.kind ?? "influx") === "influx",
      }
    );
  }

  get notice(): string | undefined {
    return this.#backend?.notice;
  }

  async deliver(delivery: Delivery, signal: AbortSignal): Promise<Delivered> {
    const backend = await this.#get(signal).catch((error: Error) => {
      signal.throwIfAborted();
      throw new DeliveryError(error.message, { cause: error });
    });
    return backend.deliver(delivery, signal);
  }

  get settleMs(): number {
    return this.#backend?.settleMs ?? 0;
  }

  async incarnation(signal: AbortSignal): Promise<string> {
    return (await this.#get(signal)).incarnation(signal);
  }

  async range(query: RangeQuery, signal: AbortSignal): Promise<readonly Series[]> {
    return (await this.#reachable(signal)).range(query, signal);
  }

  async texts(query: TextQuery, signal: AbortSignal): Promise<readonly TextPoint[]> {
    return (await this.#reachable(signal)).texts(query, signal);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#backend?.[Symbol.asyncDispose]();
  }

  async #reachable(signal: AbortSignal): Promise<Backend> {
    return this.#get(signal).catch((error: Error) => {
      signal.throwIfAborted();
      throw unavailable(error.message, error);
    });
  }

  async #get(signal: AbortSignal): Promise<Backend> {
    if (this.#backend) return this.#backend;
    this.#asking ??= this.#open(signal).finally(() => (this.#asking = undefined));
    return this.#asking;
  }

  async #open(signal: AbortSignal): Promise<Backend> {
    const kind = this.at.kind ?? (await kindOf(this.at, signal));
    const at = { ...this.at, kind };
    const nowMs = (): number => this.deps.clock.now().getTime();
    this.#backend =
      kind === "victoria"
        ? new VictoriaBackend(at.target, nowMs)
        : await InfluxBackend.open(at, this.config, this.deps);
    this.deps.log.info({ kind, url: at.target.base }, "the time-series database is known");
    return this.#backend;
  }
}

/** Asks a database what it is. @throws Error when it does not say */
async function kindOf({ target }: DatabaseUrl, signal: AbortSignal): Promise<DatabaseKind> {
  const options = { withinMs: WITHIN_MS, signal };
  const prometheus = await request(target, "/api/v1/query?query=1", options);
  if (prometheus.status === 200 && prometheus.text.includes('"resultType"')) return "victoria";
  const ping = await request(target, "/ping", options);
  const version = ping.headers.get("x-influxdb-version");
  if (version === null) {
    throw new Error(
      `What answers at ${target.base} is neither InfluxDB nor VictoriaMetrics, or hides it. Check OUTRIDER_INFLUX_URL, or say what it is: influx+http:, influx2+http:, victoria+http:.`,
    );
  }
  return /^v?1\./.test(version) ? "influx" : "influx-compatible";
}
