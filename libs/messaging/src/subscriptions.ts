import type { Clock } from "@outrider/contracts/clock";
import { decode, type Refusal } from "@outrider/contracts/codec";
import { filterOf, matchTopic, type Contract, type Parameters } from "@outrider/contracts/contract";
import type { IPublishPacket } from "mqtt";
import type { Connection } from "./connection.js";
import type { Counters } from "./counters.js";
import { MessagingError } from "./errors.js";
import type { Log } from "./log.js";
import { Notifier } from "./notifier.js";
import { metaOf, type Meta, type Received, type Refused } from "./received.js";
import { SerialQueue } from "./serial-queue.js";
import { covers, wireFilters, type Filter } from "./wire-filters.js";

// oxlint-disable-next-line typescript/no-explicit-any -- contracts of every payload live in one registry
type Any = any;
type Group = {
  readonly contract: Contract<string, Any>;
  readonly locals: Set<Local>;
  /** What the broker has acknowledged on this connection, by filter. */
  readonly wire: Map<string, Filter>;
  /** The retained documents of this connection so far, for subscriptions that come later. */
  readonly documents: Map<string, { packet: IPublishPacket; payload: Buffer; receivedMs: number }>;
};

interface Local {
  readonly filter: Filter;
  readonly handler: (message: Received<Any, Any>) => void | Promise<void>;
  readonly options: SubscribeOptions<Any>;
  readonly queue: SerialQueue;
  /** Takes payloads unread, in place of the handler. */
  raw: ((text: string, topic: string) => void) | undefined;
  failure: MessagingError | undefined;
  disposed: boolean;
}

export interface SubscribeOptions<T> {
  /** Is given each payload that does not fit the contract, in turn with the messages. */
  readonly refused?: (refusal: Refusal, message: Refused<T>) => void | Promise<void>;
  /** Is told when a retained document was cleared, in turn with the messages. */
  readonly cleared?: (message: Meta<T>) => void | Promise<void>;
  /** `drop`: whatever was published with the retain flag never reaches the handler. Default `deliver`. */
  readonly retained?: "deliver" | "drop";
}

export interface Subscription {
  /** Resolves once the broker has acknowledged it on a connection that still stands. @throws MessagingError, or the signal's reason */
  acknowledged(signal: AbortSignal): Promise<void>;
  /** No handler is called from now on. Resolves when the broker has forgotten it, or the connection is gone. */
  dispose(): Promise<void>;
}

export interface SubscriptionsOptions {
  readonly clock: Clock;
  readonly log: Log;
  readonly counters: Counters;
  readonly trustActor: boolean;
  /** Where the error of a handler goes that is no MessagingError: a defect. */
  readonly crash: (error: unknown) => void;
}

/** What a session has subscribed: kept across connections, told apart here, never overlapping on the wire. */
export class Subscriptions {
  readonly #options: SubscriptionsOptions;
  readonly #groups = new Map<string, Group>();
  readonly #routes = new Map<
    string,
    { group: Group; parameters: Parameters<string> } | undefined
  >();
  #connection: Connection | undefined;
  #reconciling: Promise<void> = Promise.resolve();
  readonly #changes = new Notifier();

  constructor(options: SubscriptionsOptions) {
    this.#options = options;
  }

  add<T extends string, P extends object>(
    contract: Contract<T, P>,
    parameters: Partial<Parameters<T>>,
    handler: (message: Received<P, Parameters<T>>) => void | Promise<void>,
    options: SubscribeOptions<Parameters<T>> = {},
  ): Subscription {
    filterOf(contract, parameters as never);
    const group = this.#groupOf(contract);
    const local = this.#local(contract, parameters, handler, options);
    group.locals.add(local);
    if (this.#connection) {
      if (this.#isCovered(group, local)) {
        // Nothing is handed over before the caller holds the subscription.
        local.queue.push(() => Promise.resolve());
        this.#replay(group, local);
      }
      this.#reconcileSoon();
    }
    return {
      acknowledged: (signal) => this.#acknowledged(group, local, signal),
      dispose: () => this.#dispose(group, local),
    };
  }

  /** Takes every payload of these topics as it is, the empty one of a cleared document too. */
  addRaw(
    contract: Contract<string, Any>,
    parameters: Readonly<Record<string, string | undefined>>,
    take: (text: string, topic: string) => void,
  ): void {
    const local = this.#local(contract, parameters, () => undefined, {});
    local.raw = take;
    this.#groupOf(contract).locals.add(local);
    this.#reconcileSoon();
  }

  /** Subscribes everything on a new connection; resolves when all of it is acknowledged. @throws MessagingError */
  async attach(connection: Connection): Promise<void> {
    this.#connection = connection;
    for (const group of this.#groups.values()) {
      group.wire.clear();
      group.documents.clear();
    }
    const before = this.#reconciling;
    const done = before.then(async () => {
      for (const [, refusal] of await this.#reconcile(connection)) throw refusal;
    });
    this.#reconciling = done.catch(() => undefined);
    await done;
  }

  detach(): void {
    this.#connection = undefined;
    for (const group of this.#groups.values()) group.wire.clear();
    this.#changes.tell();
  }

  /** Takes a message from the wire. */
  dispatch(topic: string, payload: Buffer, packet: IPublishPacket): void {
    this.#options.counters.received++;
    const route = this.#routeOf(topic);
    if (!route) return;
    const { group, parameters } = route;
    const receivedMs = this.#options.clock.monotonicMs();
    if (group.contract.retain && packet.retain) {
      if (payload.length === 0) group.documents.delete(topic);
      else group.documents.set(topic, { packet, payload, receivedMs });
    }
    const locals = [...group.locals].filter((one) => covers(one.filter, parameters));
    if (locals.length > 0)
      this.#deliver(group, locals, topic, parameters, payload, packet, receivedMs);
  }

  #deliver(
    group: Group,
    locals: readonly Local[],
    topic: string,
    parameters: Parameters<string>,
    payload: Buffer,
    packet: IPublishPacket,
    receivedMs: number,
  ): void {
    const { log, counters, trustActor } = this.#options;
    const { contract } = group;
    const meta = metaOf(packet, topic, parameters, receivedMs, trustActor);
    for (const { raw } of locals) raw?.(payload.toString(), topic);
    const run = (local: Local, task: () => void | Promise<void>): void =>
      local.queue.push(() => (local.disposed ? undefined : task()));
    if (payload.length === 0) {
      // A document that was cleared, or an empty ask, which means nothing.
      if (contract.retain)
        for (const local of locals) run(local, () => local.options.cleared?.(meta));
      return;
    }
    const takers = locals.filter(
      (one) => !one.raw && !(meta.wasRetained && one.options.retained === "drop"),
    );
    if (locals.some((one) => !one.raw && !takers.includes(one))) {
      counters.retainedDropped++;
      log.warn({ topic, actor: meta.actor }, "a retained message was dropped");
    }
    if (takers.length === 0) return;
    const decoded = decode(contract, payload);
    if (decoded.ok) {
      const message = { ...meta, payload: decoded.value };
      for (const local of takers) run(local, () => local.handler(message));
      return;
    }
    counters.refused++;
    const { refusal } = decoded;
    log.warn(
      { topic, actor: meta.actor, field: refusal.field, problem: refusal.message },
      "a payload was refused",
    );
    for (const local of takers) {
      run(local, () => local.options.refused?.(refusal, { ...meta, refusal, bytes: payload }));
    }
  }

  #local(
    contract: Contract<string, Any>,
    parameters: Filter,
    handler: Local["handler"],
    options: Local["options"],
  ): Local {
    const local: Local = {
      filter: { ...parameters },
      handler,
      options,
      queue: new SerialQueue((error) => this.#failed(contract.template, local, error)),
      raw: undefined,
      failure: undefined,
      disposed: false,
    };
    return local;
  }

  #groupOf(contract: Contract<string, Any>): Group {
    let group = this.#groups.get(contract.template);
    if (!group) {
      group = { contract, locals: new Set(), wire: new Map(), documents: new Map() };
      this.#groups.set(contract.template, group);
      this.#routes.clear();
    }
    return group;
  }

  #routeOf(topic: string): { group: Group; parameters: Parameters<string> } | undefined {
    if (this.#routes.has(topic)) return this.#routes.get(topic);
    let route: { group: Group; parameters: Parameters<string> } | undefined;
    for (const group of this.#groups.values()) {
      const parameters = matchTopic(group.contract, topic);
      if (parameters) route = { group, parameters };
    }
    if (this.#routes.size >= 10_000) this.#routes.clear();
    this.#routes.set(topic, route);
    return route;
  }

  #isCovered(group: Group, local: Local): boolean {
    return [...group.wire.values()].some((one) => covers(one, local.filter));
  }

  #replay(group: Group, local: Local): void {
    for (const [topic, { packet, payload, receivedMs }] of group.documents) {
      const parameters = this.#routeOf(topic)?.parameters;
      if (!parameters || !covers(local.filter, parameters)) continue;
      this.#deliver(group, [local], topic, parameters, payload, packet, receivedMs);
    }
  }

  #reconcileSoon(): void {
    this.#reconciling = this.#reconciling.then(async () => {
      const connection = this.#connection;
      if (!connection) return;
      try {
        for (const [local, refusal] of await this.#reconcile(connection)) {
          this.#options.log.error(
            { code: refusal.code, problem: refusal.message },
            "a subscription was refused",
          );
          this.#drop(local, refusal);
        }
        this.#changes.tell();
      } catch (error) {
        if (!(error instanceof MessagingError)) this.#options.crash(error);
      }
    });
  }

  /**
   * Brings the broker's subscriptions to what is wanted, one request at a time: Aedes loses a subscription when
   * UNSUBSCRIBE and SUBSCRIBE of one filter overtake each other.
   */
  async #reconcile(connection: Connection): Promise<Map<Local, MessagingError>> {
    const failed = new Map<Local, MessagingError>();
    for (const qos of [0, 1] as const) {
      const missing = new Map<string, { group: Group; filter: Filter }>();
      for (const group of this.#groups.values()) {
        if (group.contract.qos !== qos) continue;
        for (const filter of wantedOf(group)) {
          const text = filterOf(group.contract, filter as never);
          if (!group.wire.has(text)) missing.set(text, { group, filter });
        }
      }
      if (missing.size === 0) continue;
      const refused = await connection.subscribe([...missing.keys()], qos);
      if (this.#connection !== connection) return failed;
      for (const [text, { group, filter }] of missing) {
        const refusal = refused.get(text);
        if (refusal) this.#fail(group, filter, refusal, failed);
        else group.wire.set(text, filter);
      }
      this.#changes.tell();
    }
    await this.#unsubscribeSurplus(connection);
    return failed;
  }

  async #unsubscribeSurplus(connection: Connection): Promise<void> {
    const surplus: { group: Group; text: string }[] = [];
    for (const group of this.#groups.values()) {
      const wanted = new Set(wantedOf(group).map((one) => filterOf(group.contract, one as never)));
      for (const text of group.wire.keys()) if (!wanted.has(text)) surplus.push({ group, text });
    }
    if (surplus.length === 0) return;
    for (const { group, text } of surplus) group.wire.delete(text);
    await connection.unsubscribe(surplus.map(({ text }) => text));
    for (const { group } of surplus) this.#forgetDocuments(group);
  }

  /** Whoever depended on a refused filter is out; whoever another filter serves stays. */
  #fail(
    group: Group,
    filter: Filter,
    refusal: MessagingError,
    failed: Map<Local, MessagingError>,
  ): void {
    for (const local of group.locals) {
      if (!covers(filter, local.filter) || this.#isCovered(group, local)) continue;
      failed.set(local, refusal);
    }
  }

  #forgetDocuments(group: Group): void {
    for (const topic of group.documents.keys()) {
      const parameters = matchTopic(group.contract, topic);
      const kept = parameters && [...group.wire.values()].some((one) => covers(one, parameters));
      if (!kept) group.documents.delete(topic);
    }
  }

  #drop(local: Local, refusal: MessagingError): void {
    local.failure = refusal;
    for (const group of this.#groups.values()) group.locals.delete(local);
  }

  async #acknowledged(group: Group, local: Local, signal: AbortSignal): Promise<void> {
    while (!this.#isCovered(group, local)) {
      signal.throwIfAborted();
      if (local.failure) throw local.failure;
      if (local.disposed) throw new MessagingError("disconnected", "the subscription was disposed");
      await this.#changes.next(signal);
    }
  }

  async #dispose(group: Group, local: Local): Promise<void> {
    local.disposed = true;
    local.queue.clear();
    if (!group.locals.delete(local)) return;
    this.#changes.tell();
    if (!this.#connection) return;
    this.#reconcileSoon();
    await this.#reconciling;
  }

  #failed(template: string, local: Local, error: unknown): void {
    if (local.disposed && error instanceof Error && error.name === "AbortError") return;
    if (!(error instanceof MessagingError)) return this.#options.crash(error);
    this.#options.log.warn(
      { contract: template, code: error.code, problem: error.message },
      "a message was not handled to its end",
    );
  }
}

function wantedOf(group: Group): Filter[] {
  return wireFilters(
    [...group.wire.values()],
    [...group.locals].map((one) => one.filter),
  );
}
