import { systemClock, type Clock } from "@outrider/contracts/clock";
import { encode } from "@outrider/contracts/codec";
import { topicOf, type Contract, type Parameters } from "@outrider/contracts/contract";
import { ConnectionLoop, type Hook } from "./connection-loop.js";
import { newCounters, type Counters } from "./counters.js";
import { crash } from "./crash.js";
import { MessagingError } from "./errors.js";
import { silentLog, type Log } from "./log.js";
import type { Presence } from "./presence.js";
import type { Received } from "./received.js";
import { RetainedDocuments } from "./retained-documents.js";
import { brokerAddress } from "./socket.js";
import { Subscriptions, type Subscription } from "./subscriptions.js";
import type { SubscribeOptions } from "./taker.js";

export type { Live } from "./connection-loop.js";
export type { Presence } from "./presence.js";
export type { Meta, Received, Refused } from "./received.js";
export type { Subscription } from "./subscriptions.js";
export type { SubscribeOptions } from "./taker.js";

export interface SessionOptions {
  /** `mqtt://host:port` or `mqtts://host:port`. */
  readonly url: string;
  readonly clientId: string;
  readonly username?: string | undefined;
  readonly password?: string | undefined;
  /** Default {@link systemClock}. */
  readonly clock?: Clock;
  /** Default: silence. */
  readonly log?: Log;
  /** Will and birth of each connection; a fresh epoch is minted for every CONNECT. */
  readonly presence?: Presence;
  /** A dead connection is noticed by either side within one and a half times this. Default 10 s. */
  readonly keepAliveSeconds?: number;
  /**
   * Whether the actor of messages is believed. Default: when the broker says of itself that it overwrites what clients
   * claim; on a foreign one anybody may have written it, and `actor` is undefined.
   */
  readonly actorStamps?: "trusted" | "ignored";
}

export interface PublishOptions {
  /** The broker drops the message when it could not deliver it within this many seconds. */
  readonly expirySeconds?: number;
}

/**
 * A client's standing with the broker across connections: it connects, and connects again, each time as a new MQTT
 * client with a clean start, so that nothing of an old connection is ever sent on a new one.
 *
 * The order on each connection: subscriptions acknowledged → `onConnect` hooks → retained documents → birth →
 * `onBorn` hooks. Who reads the birth may thus rely on everything before it.
 */
export class Session {
  readonly counters: Counters = newCounters();
  readonly #subscriptions: Subscriptions;
  readonly #documents: RetainedDocuments;
  readonly #loop: ConnectionLoop;

  /** @throws TypeError when the URL is no broker's */
  constructor(options: SessionOptions) {
    const { url, clientId, username, password, presence } = options;
    const { clock = systemClock, log = silentLog, keepAliveSeconds = 10 } = options;
    const { counters } = this;
    const { actorStamps } = options;
    this.#documents = new RetainedDocuments(log, crash);
    this.#subscriptions = new Subscriptions({ clock, log, counters, actorStamps, crash });
    this.#loop = new ConnectionLoop({
      client: { address: brokerAddress(url), clientId, username, password, keepAliveSeconds },
      clock,
      log,
      counters,
      presence,
      subscriptions: this.#subscriptions,
      documents: this.#documents,
    });
  }

  /** Whether messages can be published now: subscriptions stand, hooks and birth may still be under way. */
  get connected(): boolean {
    return this.#loop.live !== undefined;
  }

  /** The epoch of the present connection. */
  get epoch(): string | undefined {
    return this.#loop.live?.epoch;
  }

  /** Why there is no connection, as far as is known. */
  get failure(): MessagingError | undefined {
    return this.#loop.failure;
  }

  /** Connects, and keeps connecting until {@link stop}. */
  start(): void {
    this.#loop.start();
  }

  /** Says that this client leaves and disconnects cleanly. The session cannot be started again. */
  stop(): Promise<void> {
    return this.#loop.stop();
  }

  /**
   * Resolves when the birth of a connection that still stands is acknowledged.
   * @param options.refusalsAreFinal also rejects as soon as the broker refuses the credentials
   * @throws MessagingError with the reason why there is no connection, where one is known; else the signal's reason
   */
  ready(signal: AbortSignal, options: { refusalsAreFinal?: boolean } = {}): Promise<void> {
    return this.#loop.ready(signal, options.refusalsAreFinal ?? false);
  }

  /**
   * Resolves when the broker has acknowledged (QoS 1) or the socket took it (QoS 0). Never queued for a later
   * connection. An acknowledgement says that the broker has read the message and nothing more: acceptance is
   * whatever the receiver says about it.
   * @throws MessagingError `disconnected` at once when there is no connection
   * @throws ContractError when the payload breaks its contract: a defect
   */
  async publish<T extends string, P extends object>(
    contract: Contract<T, P>,
    parameters: NoInfer<Parameters<T>>,
    payload: NoInfer<P>,
    options: PublishOptions = {},
  ): Promise<void> {
    const topic = topicOf(contract, parameters);
    const text = encode(contract, payload);
    const { live, failure } = this.#loop;
    if (!live) {
      const why = failure ? `: ${failure.message}` : "";
      throw new MessagingError("disconnected", `there is no connection to the broker${why}`);
    }
    await live.connection.publish({
      topic,
      payload: text,
      qos: contract.qos,
      retain: contract.retain,
      ...(options.expirySeconds === undefined
        ? {}
        : { properties: { messageExpiryInterval: Math.max(1, Math.ceil(options.expirySeconds)) } }),
    });
  }

  /**
   * Sets a retained document that this client is the writer of: published now if connected, and again on each
   * connection. Of several quick changes only the last one is sure to be sent.
   * @param payload undefined clears the document
   * @throws ContractError when the payload breaks its contract: a defect
   */
  retain<T extends string, P extends object>(
    contract: Contract<T, P>,
    parameters: NoInfer<Parameters<T>>,
    payload: NoInfer<P> | undefined,
  ): void {
    this.#documents.set(contract, parameters, payload);
  }

  /**
   * Removes what somebody has had stored on a topic that is never retained. Only a foreign broker stores there.
   * @throws MessagingError when there is no connection; what is stored comes again on the next one
   * @throws TypeError when the contract is retained: its document is somebody's
   */
  async unstore<T extends string, P extends object>(
    contract: Contract<T, P>,
    parameters: NoInfer<Parameters<T>>,
  ): Promise<void> {
    if (contract.retain) throw new TypeError(`${contract.template} is a retained topic`);
    const topic = topicOf(contract, parameters);
    const { live } = this.#loop;
    if (!live) throw new MessagingError("disconnected", "there is no connection to the broker");
    await live.connection.publish({ topic, payload: "", qos: contract.qos, retain: true });
  }

  /**
   * Declares that this client alone writes these topics: documents on them that it has not set are cleared, on this
   * connection and all later ones, but none before {@link settleOwned}.
   */
  own<T extends string, P extends object>(
    contract: Contract<T, P>,
    parameters: NoInfer<Partial<Parameters<T>>> = {},
  ): void {
    this.#subscriptions.addRaw(contract, parameters, ({ empty, meta }) => {
      if (!empty) this.#documents.seen(meta.topic, contract.qos);
    });
  }

  /** Says that all documents of this client have been set, so that what is left on its topics may be cleared. */
  settleOwned(): void {
    this.#documents.settle();
  }

  /**
   * Subscribes, on this and every later connection. Handlers run one after another per subscription, in order of
   * arrival; the acknowledgement to the broker does not wait for them. A payload that does not fit its contract never
   * reaches the handler: it is counted, logged by the name of the field only, and given to `refused`.
   *
   * A handler may let a MessagingError through: it is logged. Any other error ends the process.
   * @param parameters parameters left out match anything
   */
  subscribe<T extends string, P extends object>(
    contract: Contract<T, P>,
    parameters: NoInfer<Partial<Parameters<T>>>,
    handler: (message: Received<P, Parameters<T>>) => void | Promise<void>,
    options?: SubscribeOptions<Parameters<T>>,
  ): Subscription {
    return this.#subscriptions.add(contract, parameters, handler, options);
  }

  /**
   * Runs on each connection, in order of registration and one at a time, once all subscriptions are acknowledged and
   * before anything retained is published.
   */
  onConnect(hook: Hook): void {
    this.#loop.hooks.connect.push(hook);
  }

  /** Says the presence document anew, after what its `birth` says has changed. */
  restatePresence(): void {
    this.#loop.restatePresence();
  }

  /** Runs on each connection after retained documents and birth are acknowledged. */
  onBorn(hook: Hook): void {
    this.#loop.hooks.born.push(hook);
  }

  /** Runs when a connection on which `onConnect` hooks were run is gone. Call the returned function to take it back. */
  onDisconnect(hook: () => void): () => void {
    const { disconnect } = this.#loop.hooks;
    disconnect.push(hook);
    return () => {
      const at = disconnect.indexOf(hook);
      if (at >= 0) disconnect.splice(at, 1);
    };
  }
}
