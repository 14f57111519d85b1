import { STAMPING_BROKER } from "@outrider/contracts/packet";
import { once, type EventEmitter } from "node:events";
import { createServer, type AddressInfo, type Server, type Socket } from "node:net";
import { seconds, systemClock, type Clock } from "@outrider/contracts/clock";
import { gatherWrites } from "@outrider/contracts/gather-writes";
import { Aedes } from "aedes";
import { hardenBroker } from "./aedes-internals.js";
import { ConnectionRate } from "./connection-rate.js";
import { promptEmitter } from "./emitter.js";
import { Gatekeeper, type GateCounts } from "./gatekeeper.js";
import { DEFAULT_LIMITS, type BrokerLimits } from "./limits.js";
import { silentLog, type Log } from "./log.js";
import type { Admission } from "./login.js";
import { Peer } from "./peers.js";
import { VolatilePersistence } from "./volatile-persistence.js";

export interface BrokerOptions extends Admission {
  readonly host: string;
  /** 0 takes a free port; see {@link RunningBroker.port}. */
  readonly port: number;
  readonly limits?: Partial<BrokerLimits>;
  readonly log?: Log;
  readonly clock?: Clock;
}

/** What is so now, and counters since the start. */
export interface BrokerStats extends GateCounts {
  readonly clients: number;
  /** Connections that have not shown yet who they are. */
  readonly handshakes: number;
  /** Topics with a retained message. */
  readonly retained: number;
}

export interface RunningBroker {
  readonly port: number;
  stats(): BrokerStats;
  /** Tells every client, closes every connection and frees the port. Nothing is kept. */
  close(): Promise<void>;
}

/**
 * Starts the broker and resolves when it listens. The credentials are closed with it, also when it cannot start.
 * @throws TypeError when nobody could ever connect, and the listener's error, `EADDRINUSE` above all
 */
export async function startBroker(options: BrokerOptions): Promise<RunningBroker> {
  if (!options.credentials && !options.anonymous) {
    throw new TypeError(
      "startBroker: give credentials, anonymous or both; else nobody can connect",
    );
  }
  const broker = new Broker(options);
  try {
    await broker.listen();
  } catch (error) {
    await options.credentials?.close();
    throw error;
  }
  return broker;
}

const SWEEP_EVERY = seconds(1);
const CREDENTIALS_CHECK_EVERY = seconds(5);

class Broker implements RunningBroker {
  readonly #options: BrokerOptions;
  readonly #limits: BrokerLimits;
  readonly #log: Log;
  readonly #clock: Clock;
  readonly #gatekeeper: Gatekeeper;
  readonly #persistence: VolatilePersistence;
  readonly #aedes: Aedes;
  readonly #server: Server;
  readonly #rate: ConnectionRate;
  readonly #handshakes = new Set<Peer>();
  readonly #sockets = new Set<Socket>();
  readonly #stopTimers: (() => void)[] = [];
  #closing: Promise<void> | undefined;

  constructor(options: BrokerOptions) {
    this.#options = options;
    this.#limits = { ...DEFAULT_LIMITS, ...options.limits };
    this.#log = options.log ?? silentLog;
    this.#clock = options.clock ?? systemClock;
    this.#rate = new ConnectionRate(this.#limits.connectionsPerSecond, this.#clock);
    this.#persistence = new VolatilePersistence(this.#limits.maxInflight);
    this.#gatekeeper = new Gatekeeper(options, this.#limits, this.#log, this.#clock, (topic) =>
      this.#persistence.retained(topic),
    );
    this.#aedes = new Aedes({
      ...this.#gatekeeper.hooks,
      mq: promptEmitter(),
      persistence: this.#persistence,
      // Unused while nobody waits for a subscriber; if that ever broke, the frozen one would go after this.
      drainTimeout: this.#limits.cutAfterMs,
      connectTimeout: this.#limits.connectTimeoutMs,
      maxTopicLevels: this.#limits.maxTopicLevels,
      maximumPacketSize: this.#limits.maxPacketBytes,
      receiveMaximum: this.#limits.maxInflight,
      responseInformation: STAMPING_BROKER,
      // Listeners per socket are not bounded (0); concurrency as such is the emitter's.
      concurrency: 0,
    });
    hardenBroker(this.#aedes);
    this.#server = createServer(
      { noDelay: true, keepAlive: true, keepAliveInitialDelay: 30_000 },
      (socket) => this.#accept(socket),
    );
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  async listen(): Promise<void> {
    await this.#aedes.listen();
    this.#watch();
    this.#server.listen(this.#options.port, this.#options.host);
    try {
      await once(this.#server, "listening");
    } catch (error) {
      await this.#stopAedes();
      throw error;
    }
    this.#log.info({ host: this.#options.host, port: this.port }, "the broker listens");
  }

  stats(): BrokerStats {
    return {
      clients: this.#gatekeeper.peers.size,
      handshakes: this.#handshakes.size,
      retained: this.#persistence.retainedCount,
      ...this.#gatekeeper.counts(),
    };
  }

  close(): Promise<void> {
    return (this.#closing ??= this.#close());
  }

  async #close(): Promise<void> {
    const closed = once(this.#server, "close");
    this.#server.close();
    await this.#stopAedes();
    for (const socket of this.#sockets) socket.destroy();
    await closed;
    await this.#options.credentials?.close();
    this.#log.info({}, "the broker is closed");
  }

  async #stopAedes(): Promise<void> {
    for (const stop of this.#stopTimers) stop();
    await new Promise<void>((resolve) => this.#aedes.close(resolve));
  }

  #accept(socket: Socket): void {
    const turnedAway = !this.#rate.take()
      ? "rate"
      : this.#handshakes.size >= this.#limits.maxHandshakes
        ? "handshakes"
        : undefined;
    if (turnedAway) {
      this.#gatekeeper.turnedAway(turnedAway, socket.remoteAddress ?? "unknown");
      socket.on("error", () => {});
      socket.destroy();
      return;
    }
    this.#sockets.add(socket);
    gatherWrites(socket);
    // Before Aedes attaches its own listener, so that too much is noticed before it is parsed.
    const limitReading = (): void => {
      if (socket.bytesRead > this.#limits.maxBytesBeforeLogin) socket.destroy();
    };
    socket.on("readable", limitReading);
    const peer = new Peer(socket, this.#aedes.handle(socket));
    this.#gatekeeper.take(peer);
    this.#handshakes.add(peer);
    const deadline = setTimeout(() => socket.destroy(), this.#limits.connectTimeoutMs);
    const settled = (): void => {
      clearTimeout(deadline);
      socket.removeListener("readable", limitReading);
      this.#handshakes.delete(peer);
    };
    peer.client.once("connected", settled);
    socket.once("close", () => {
      settled();
      this.#sockets.delete(socket);
      this.#gatekeeper.disconnected(peer);
    });
  }

  #watch(): void {
    const aedes = this.#aedes;
    aedes.on("client", (client) => this.#gatekeeper.registered(client, aedes));
    aedes.on("clientDisconnect", (client) => {
      this.#persistence.forget(client.id);
      this.#gatekeeper.unregistered(client);
    });
    aedes.on("subscribe", (_, client) => this.#persistence.subscribing(client.conn));
    aedes.on("clientError", (client, error) => this.#gatekeeper.failed(client, error));
    aedes.on("connectionError", (client, error) => this.#gatekeeper.failed(client, error));
    (aedes as EventEmitter).on("error", (error: Error) => {
      this.#log.error({ problem: error.message }, "Aedes failed");
    });
    this.#stopTimers.push(
      this.#clock.every(SWEEP_EVERY, () => this.#gatekeeper.sweep()),
      this.#clock.every(CREDENTIALS_CHECK_EVERY, () => this.#gatekeeper.dismissRevoked()),
    );
  }
}
