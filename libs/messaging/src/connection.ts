import { milliseconds, type Clock } from "@outrider/contracts/clock";
import { LARGEST_PACKET_BYTES, STAMPING_BROKER } from "@outrider/contracts/packet";
import { MqttClient, type IPublishPacket } from "mqtt";
import type { Counters } from "./counters.js";
import { brokerRefusal, MessagingError } from "./errors.js";
import { openSocket, type BrokerAddress } from "./socket.js";

export interface ConnectionOptions {
  readonly address: BrokerAddress;
  readonly clientId: string;
  readonly username?: string | undefined;
  readonly password?: string | undefined;
  readonly keepAliveSeconds: number;
  readonly connectTimeoutMs: number;
  readonly will?: { readonly topic: string; readonly payload: string; readonly retain: boolean };
  readonly clock: Clock;
  readonly counters: Counters;
}

export interface OutgoingMessage {
  readonly topic: string;
  readonly payload: string;
  readonly qos: 0 | 1;
  readonly retain: boolean;
  readonly properties?: IPublishPacket["properties"];
}

export type IncomingMessage = (topic: string, payload: Buffer, packet: IPublishPacket) => void;

/** More than this is never under way at once, whatever the broker allows. */
const WINDOW = 256;
/** A broker that leaves a message unacknowledged for this long is taken for dead. */
const ACKNOWLEDGE_WITHIN_MS = 30_000;

interface UnderWay {
  readonly sinceMs: number;
  readonly settle: (error: MessagingError | undefined) => void;
}

/**
 * One MQTT 5 connection from CONNECT to its end: clean start, nothing kept, nothing re-sent, no second life.
 * A session makes a new one each time.
 */
export class Connection {
  /** Resolves, never rejects, when the connection is over, with the reason. */
  readonly closed: Promise<MessagingError>;
  readonly #client: MqttClient;
  readonly #clock: Clock;
  readonly #counters: Counters;
  readonly #underWay = new Set<UnderWay>();
  readonly #waiting: (() => void)[] = [];
  #window = WINDOW;
  #stampsActors = false;
  #inWindow = 0;
  #over: MessagingError | undefined;
  #reason: MessagingError | undefined;

  private constructor(options: ConnectionOptions, onMessage: IncomingMessage) {
    this.#clock = options.clock;
    this.#counters = options.counters;
    const { will } = options;
    this.#client = new MqttClient(() => openSocket(options.address), {
      protocolVersion: 5,
      protocolId: "MQTT",
      clientId: options.clientId,
      clean: true,
      reconnectPeriod: 0,
      resubscribe: false,
      queueQoSZero: false,
      keepalive: options.keepAliveSeconds,
      // A buffer kept for each of the 65,536 numbers that a packet can have: 7 MiB, for what takes no time to make.
      writeCache: false,
      connectTimeout: options.connectTimeoutMs,
      properties: { maximumPacketSize: LARGEST_PACKET_BYTES, requestResponseInformation: true },
      ...(options.username === undefined ? {} : { username: options.username }),
      ...(options.password === undefined ? {} : { password: options.password }),
      ...(will ? { will: { ...will, payload: Buffer.from(will.payload), qos: 1 as const } } : {}),
    });
    this.#client.on("message", onMessage);
    this.#client.on("error", (error) => {
      this.#reason ??= reasonOf(error);
      // After an error of the protocol, mqtt.js would go on with a stream that it can no longer read.
      this.destroy();
    });
    this.#client.on("disconnect", (packet) => {
      this.#reason ??= brokerRefusal(
        "to keep the connection",
        packet.reasonCode ?? 0,
        undefined,
        packet.properties?.reasonString,
      );
    });
    const stopWatching = this.#clock.every(milliseconds(5000), () => this.#watch());
    this.closed = new Promise((resolve) => {
      this.#client.once("close", () => {
        stopWatching();
        // mqtt.js emits the error that explains a close after it.
        setImmediate(() => resolve(this.#finish()));
      });
    });
  }

  /**
   * Connects.
   * @throws MessagingError when there is no broker, or it refuses
   */
  static async open(
    options: ConnectionOptions,
    onMessage: IncomingMessage,
    signal: AbortSignal,
  ): Promise<Connection> {
    signal.throwIfAborted();
    const connection = new Connection(options, onMessage);
    const abort = (): void => connection.destroy();
    signal.addEventListener("abort", abort, { once: true });
    const connected = new Promise<undefined>((resolve) => {
      connection.#client.once("connect", (packet) => {
        connection.#window = Math.min(WINDOW, packet.properties?.receiveMaximum ?? WINDOW);
        connection.#stampsActors = packet.properties?.responseInformation === STAMPING_BROKER;
        resolve(undefined);
      });
    });
    const failure = await Promise.race([connected, connection.closed]);
    signal.removeEventListener("abort", abort);
    if (failure) throw failure;
    return connection;
  }

  /** Whether the broker says who published, and lets nobody else say it. */
  get stampsActors(): boolean {
    return this.#stampsActors;
  }

  get over(): boolean {
    return this.#over !== undefined || !this.#client.connected;
  }

  /**
   * Resolves on PUBACK (QoS 1) or when the socket has taken the bytes (QoS 0). Messages leave in the order of the
   * calls; at most as many QoS 1 messages as the broker allows are under way.
   * @throws MessagingError
   */
  publish(message: OutgoingMessage): Promise<void> {
    if (this.over) return Promise.reject(this.#ended());
    if (message.qos === 0) return this.#send(message);
    if (this.#inWindow < this.#window) return this.#sendInWindow(message);
    return new Promise<void>((resolve, reject) => {
      this.#waiting.push(() => {
        if (this.over) reject(this.#ended());
        else this.#sendInWindow(message).then(resolve, reject);
      });
    });
  }

  /** Resolves on SUBACK with the refusals, by filter. @throws MessagingError */
  async subscribe(filters: readonly string[], qos: 0 | 1): Promise<Map<string, MessagingError>> {
    let codes: readonly unknown[] = [];
    await this.#settled((done) => {
      const options = { qos, rap: true, rh: 0, nl: false } as const;
      this.#client.subscribe([...filters], options, (error, _, packet) => {
        // mqtt.js makes an error of a single refused filter; which one it was stands in the SUBACK.
        codes = packet?.granted ?? [];
        done(error && codes.length !== filters.length ? reasonOf(error) : undefined);
      });
    });
    const refused = new Map<string, MessagingError>();
    for (const [at, filter] of filters.entries()) {
      const code = Number(codes[at]);
      if (code >= 0x80) refused.set(filter, brokerRefusal(`to subscribe ${filter}`, code));
    }
    return refused;
  }

  /** Resolves on UNSUBACK. @throws MessagingError */
  unsubscribe(filters: readonly string[]): Promise<void> {
    return this.#settled((done) => {
      this.#client.unsubscribe([...filters], (error) => done(error ? reasonOf(error) : undefined));
    });
  }

  /** Sends DISCONNECT, so that the broker drops the will, and waits for the end of the socket. */
  async end(): Promise<void> {
    if (!this.over) {
      this.#reason ??= new MessagingError("disconnected", "this client has disconnected");
      this.#client.end(false);
      const bound = new AbortController();
      const late = this.#clock.sleep(milliseconds(2000), bound.signal).then(
        () => this.destroy(),
        () => undefined,
      );
      await this.closed;
      bound.abort();
      await late;
    }
    this.destroy();
    await this.closed;
  }

  /** Tears the socket down without a word: the broker publishes the will. */
  destroy(): void {
    this.#client.end(true);
    this.#client.stream.destroy();
  }

  async #sendInWindow(message: OutgoingMessage): Promise<void> {
    this.#inWindow++;
    try {
      await this.#send(message);
    } finally {
      this.#inWindow--;
      this.#waiting.shift()?.();
    }
  }

  async #send(message: OutgoingMessage): Promise<void> {
    const { topic, payload, qos, retain, properties } = message;
    await this.#settled((done) => {
      this.#client.publish(
        topic,
        payload,
        { qos, retain, ...(properties ? { properties } : {}) },
        (error) => done(error ? refusalOf(`a message on ${topic}`, error) : undefined),
      );
    });
    this.#counters.published++;
  }

  /** Runs one request; the end of the connection settles it as well. */
  #settled(start: (done: (error: MessagingError | undefined) => void) => void): Promise<void> {
    if (this.over) return Promise.reject(this.#ended());
    return new Promise((resolve, reject) => {
      const request: UnderWay = {
        sinceMs: this.#clock.monotonicMs(),
        settle: (error) => {
          if (!this.#underWay.delete(request)) return;
          if (error) reject(error);
          else resolve();
        },
      };
      this.#underWay.add(request);
      start(request.settle);
    });
  }

  #watch(): void {
    const [oldest] = this.#underWay;
    if (oldest && this.#clock.monotonicMs() - oldest.sinceMs > ACKNOWLEDGE_WITHIN_MS) {
      this.#reason ??= new MessagingError(
        "timed-out",
        `the broker left a request unanswered for ${ACKNOWLEDGE_WITHIN_MS} ms; the connection was given up`,
      );
      this.destroy();
    }
  }

  #finish(): MessagingError {
    const over = (this.#over ??=
      this.#reason ?? new MessagingError("disconnected", "the connection to the broker was lost"));
    this.#client.end(true);
    for (const request of this.#underWay) request.settle(over);
    for (const next of this.#waiting.splice(0)) next();
    return over;
  }

  #ended(): MessagingError {
    return this.#over ?? new MessagingError("disconnected", "there is no connection to the broker");
  }
}

function refusalOf(what: string, error: Error): MessagingError {
  const { code } = error as { code?: unknown };
  return typeof code === "number" && code > 0 ? brokerRefusal(what, code, error) : reasonOf(error);
}

function reasonOf(error: Error): MessagingError {
  if (error instanceof MessagingError) return error;
  const { code } = error as { code?: unknown };
  if (typeof code === "number" && code > 0) return brokerRefusal("the connection", code, error);
  if (typeof code === "string") {
    return new MessagingError("disconnected", `the broker cannot be reached: ${error.message}`, {
      cause: error,
    });
  }
  const timedOut = /timeout/i.test(error.message);
  const closed = /closed|disconnecting/i.test(error.message);
  return new MessagingError(
    timedOut ? "timed-out" : closed ? "disconnected" : "protocol",
    timedOut ? `the broker does not answer: ${error.message}` : error.message,
    { cause: error },
  );
}
