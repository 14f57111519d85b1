import { filterOf, type Contract } from "@outrider/contracts/contract";
import type { IPublishPacket } from "mqtt";
import type { Connection } from "./connection.js";
import { MessagingError } from "./errors.js";
import type { Log } from "./log.js";
import { Notifier } from "./notifier.js";
import type { Any, Taker } from "./taker.js";
import { covers, wireFilters, type Filter } from "./wire-filters.js";

/** The subscriptions of one contract. */
export interface Group {
  readonly contract: Contract<string, Any>;
  readonly takers: Set<Taker>;
  /** What the broker has acknowledged on this connection, by filter. */
  readonly wire: Map<string, Filter>;
  /** The retained documents of this connection so far, by topic, for those who subscribe later. */
  readonly documents: Map<string, { packet: IPublishPacket; bytes: Buffer; receivedMs: number }>;
}

/** Whether the broker has acknowledged a filter that covers this one. */
export function isCovered(group: Group, filter: Filter): boolean {
  return [...group.wire.values()].some((one) => covers(one, filter));
}

/**
 * Brings the broker's subscriptions to what is wanted, one request at a time and each awaited: Aedes loses a
 * subscription when UNSUBSCRIBE and SUBSCRIBE of one filter overtake each other.
 */
export class WireSubscriptions {
  readonly #groups: ReadonlyMap<string, Group>;
  readonly #log: Log;
  readonly #crash: (error: unknown) => void;
  readonly #changes = new Notifier();
  #connection: Connection | undefined;
  #last: Promise<void> = Promise.resolve();

  constructor(
    groups: ReadonlyMap<string, Group>,
    options: { readonly log: Log; readonly crash: (error: unknown) => void },
  ) {
    this.#groups = groups;
    this.#log = options.log;
    this.#crash = options.crash;
  }

  /** Subscribes everything on a new connection. @throws MessagingError, also when the broker refuses one of them */
  async attach(connection: Connection): Promise<void> {
    await this.#last;
    this.#connection = connection;
    const done = this.#attachAll(connection);
    this.#last = done.catch(() => undefined);
    await done;
  }

  detach(): void {
    this.#connection = undefined;
    for (const group of this.#groups.values()) group.wire.clear();
    this.#changes.tell();
  }

  /** Something is wanted that was not, or the reverse. Resolves when the broker knows, or the connection is gone. */
  changed(): Promise<void> {
    this.#changes.tell();
    if (this.#connection) this.#last = this.#catchUp(this.#last);
    return this.#last;
  }

  /** Resolves when the broker has acknowledged what the taker wants. @throws MessagingError, or the signal's reason */
  async acknowledged(group: Group, taker: Taker, signal: AbortSignal): Promise<void> {
    while (!isCovered(group, taker.filter) || !group.takers.has(taker)) {
      signal.throwIfAborted();
      if (taker.failure) throw taker.failure;
      if (!group.takers.has(taker)) {
        throw new MessagingError("disconnected", "the subscription was disposed");
      }
      await this.#changes.next(signal);
    }
  }

  async #attachAll(connection: Connection): Promise<void> {
    for (const [, refusal] of await this.#reconcile(connection)) throw refusal;
  }

  async #catchUp(before: Promise<void>): Promise<void> {
    await before;
    const connection = this.#connection;
    if (!connection) return;
    try {
      for (const [taker, refusal] of await this.#reconcile(connection)) {
        const { code, message } = refusal;
        this.#log.error({ code, problem: message }, "a subscription was refused");
        taker.failure = refusal;
        for (const group of this.#groups.values()) group.takers.delete(taker);
      }
      this.#changes.tell();
    } catch (error) {
      // Of a lost connection: the next one subscribes everything.
      if (!(error instanceof MessagingError)) this.#crash(error);
    }
  }

  async #reconcile(connection: Connection): Promise<Map<Taker, MessagingError>> {
    const failed = new Map<Taker, MessagingError>();
    for (const qos of [0, 1] as const) {
      const missing = this.#missing(qos);
      if (missing.size === 0) continue;
      const refused = await connection.subscribe([...missing.keys()], qos);
      if (this.#connection !== connection) return failed;
      for (const [text, { group, filter }] of missing) {
        const refusal = refused.get(text);
        if (!refusal) group.wire.set(text, filter);
        else {
          for (const taker of group.takers) {
            if (covers(filter, taker.filter) && !isCovered(group, taker.filter)) {
              failed.set(taker, refusal);
            }
          }
        }
      }
      this.#changes.tell();
    }
    await this.#unsubscribeSurplus(connection, failed);
    return failed;
  }

  #missing(qos: 0 | 1): Map<string, { group: Group; filter: Filter }> {
    const missing = new Map<string, { group: Group; filter: Filter }>();
    for (const group of this.#groups.values()) {
      if (group.contract.qos !== qos) continue;
      for (const filter of wantedOf(group)) {
        const text = filterOf(group.contract, filter as never);
        if (!group.wire.has(text)) missing.set(text, { group, filter });
      }
    }
    return missing;
  }

  async #unsubscribeSurplus(
    connection: Connection,
    failed: ReadonlyMap<Taker, unknown>,
  ): Promise<void> {
    const surplus: { group: Group; text: string }[] = [];
    for (const group of this.#groups.values()) {
      const wanted = new Set(
        wantedOf(group, failed).map((one) => filterOf(group.contract, one as never)),
      );
      for (const text of group.wire.keys()) if (!wanted.has(text)) surplus.push({ group, text });
    }
    if (surplus.length === 0) return;
    for (const { group, text } of surplus) group.wire.delete(text);
    for (const { group } of surplus) forgetDocuments(group);
    await connection.unsubscribe(surplus.map(({ text }) => text));
  }
}

function wantedOf(group: Group, without?: ReadonlyMap<Taker, unknown>): Filter[] {
  const takers = [...group.takers].filter((one) => !without?.has(one));
  return wireFilters(
    [...group.wire.values()],
    takers.map((one) => one.filter),
  );
}

function forgetDocuments(group: Group): void {
  for (const topic of group.documents.keys()) {
    const stays = [...group.wire.keys()].some((text) => matches(text, topic));
    if (!stays) group.documents.delete(topic);
  }
}

function matches(filter: string, topic: string): boolean {
  const levels = topic.split("/");
  return filter.split("/").every((level, at) => level === "+" || level === levels[at]);
}
