import { seconds, timestamp, type Clock } from "@outrider/contracts/clock";
import type { Log } from "@outrider/messaging/log";
import type { WatchedStorage } from "./watched-storage.js";

/** What a service's `GET /health` says. */
export interface HealthReport {
  readonly service: string;
  readonly version: string;
  readonly state: "ready" | "degraded";
  /** Since when it is in this state, RFC 3339 UTC. */
  readonly since: string;
  /** What is wrong, in sentences; empty when it is ready. */
  readonly reasons: readonly string[];
  readonly brokerConnected: boolean;
  readonly storage: Readonly<Record<string, "ok" | "failing">>;
  /** How late the event loop was at worst in the last seconds, in milliseconds. */
  readonly eventLoopLagMs: number;
  /** The last failure of a storage, though it may be over. */
  readonly lastError?: string;
}

const LOOK_EVERY = seconds(1);
const LAG_LIMIT_MS = 1_000;
/** A loop that lagged is trusted again after so many good looks. */
const LOOKS_KEPT = 10;

/** Looks after the service it is part of: whether its storage works, its lease is confirmed and its event loop turns. */
export class Health {
  readonly #storages: WatchedStorage[] = [];
  readonly #lagsMs: number[] = [];
  readonly #own: (() => Iterable<string>)[] = [];
  readonly #stop: () => void;
  #lookedMs: number;
  #reasons: readonly string[] = [];
  #since: string;

  constructor(
    private readonly parts: {
      readonly service: string;
      readonly version: string;
      readonly clock: Clock;
      readonly log: Log;
      readonly brokerConnected: () => boolean;
      /** Whether this is the active instance beyond doubt. */
      readonly certain: () => boolean;
      /** Told when {@link state} is another one. */
      readonly changed: () => void;
    },
  ) {
    const { clock } = parts;
    this.#lookedMs = clock.monotonicMs();
    this.#since = timestamp(clock);
    this.#stop = clock.every(LOOK_EVERY, () => this.#look());
  }

  get state(): "ready" | "degraded" {
    return this.#reasons.length === 0 ? "ready" : "degraded";
  }

  watch(storage: WatchedStorage): void {
    this.#storages.push(storage);
  }

  /** Asks also the service itself what is wrong, in sentences, once a second and whenever it is decided anew. */
  add(reasons: () => Iterable<string>): void {
    this.#own.push(reasons);
  }

  /** Decides anew. */
  update(): void {
    const before = this.state;
    this.#reasons = this.#wrong();
    if (this.state === before) return;
    const { clock, log, changed } = this.parts;
    this.#since = timestamp(clock);
    if (this.state === "ready") log.info({}, "the service is ready again");
    else log.error({ reasons: this.#reasons }, "the service is degraded");
    changed();
  }

  report(): HealthReport {
    const { service, version, brokerConnected } = this.parts;
    const lastError = this.#storages.findLast(({ lastError: error }) => error !== undefined);
    return {
      service,
      version,
      state: this.state,
      since: this.#since,
      reasons: this.#reasons,
      brokerConnected: brokerConnected(),
      storage: Object.fromEntries(
        this.#storages.map(({ namespace, failing }) => [namespace, failing ? "failing" : "ok"]),
      ),
      eventLoopLagMs: Math.round(this.lagMs),
      ...(lastError?.lastError === undefined ? {} : { lastError: lastError.lastError }),
    };
  }

  /** In milliseconds, at worst in the last seconds. */
  get lagMs(): number {
    return Math.max(0, ...this.#lagsMs);
  }

  stop(): void {
    this.#stop();
  }

  #look(): void {
    const nowMs = this.parts.clock.monotonicMs();
    this.#lagsMs.push(nowMs - this.#lookedMs - LOOK_EVERY);
    if (this.#lagsMs.length > LOOKS_KEPT) this.#lagsMs.shift();
    this.#lookedMs = nowMs;
    this.update();
  }

  #wrong(): string[] {
    const reasons = this.#storages
      .filter(({ failing }) => failing)
      .map(({ namespace, lastError }) => `the store of ${namespace} fails (${lastError})`);
    if (this.lagMs > LAG_LIMIT_MS) {
      reasons.push(
        `the process stood still for ${Math.round(this.lagMs)} ms; give its host more CPU or memory`,
      );
    }
    if (!this.parts.certain()) {
      reasons.push("the database has not confirmed for too long that this is the active instance");
    }
    for (const own of this.#own) reasons.push(...own());
    return reasons;
  }
}
