import type { Clock } from "@outrider/contracts/clock";
import { filterOf, matchTopic, type Contract, type Parameters } from "@outrider/contracts/contract";
import type { IPublishPacket } from "mqtt";
import type { Connection } from "./connection.js";
import type { Received } from "./received.js";
import {
  HandlerTaker,
  Incoming,
  RawTaker,
  type Any,
  type SubscribeOptions,
  type TakerContext,
} from "./taker.js";
import { covers, type Filter } from "./wire-filters.js";
import { isCovered, WireSubscriptions, type Group } from "./wire-subscriptions.js";

export interface Subscription {
  /**
   * Resolves once the broker has acknowledged it on a connection that still stands.
   * @throws MessagingError when the broker refuses it, or it was disposed; the signal's reason when that is aborted
   */
  acknowledged(signal: AbortSignal): Promise<void>;
  /**
   * No handler is called from now on; one that is running goes on. Resolves when the broker has forgotten the
   * subscription, or the connection is gone.
   */
  dispose(): Promise<void>;
}

export interface SubscriptionsOptions extends Omit<TakerContext, "trustActor"> {
  readonly clock: Clock;
  /** Undefined: as the broker says of itself. */
  readonly actorStamps: "trusted" | "ignored" | undefined;
}

interface Route {
  readonly group: Group;
  readonly parameters: Readonly<Record<string, string>>;
}

const ROUTES_REMEMBERED = 10_000;

/** What a session has subscribed: kept across connections, and told apart here. */
export class Subscriptions {
  readonly #options: TakerContext & { readonly clock: Clock };
  readonly #groups = new Map<string, Group>();
  readonly #routes = new Map<string, Route | undefined>();
  readonly #wire: WireSubscriptions;

  #brokerStamps = false;

  constructor({ actorStamps, ...options }: SubscriptionsOptions) {
    const trustActor = (): boolean =>
      actorStamps === undefined ? this.#brokerStamps : actorStamps === "trusted";
    this.#options = { ...options, trustActor };
    this.#wire = new WireSubscriptions(this.#groups, this.#options);
  }

  /** @throws TypeError when a parameter is no topic level */
  add<T extends string, P extends object>(
    contract: Contract<T, P>,
    parameters: Partial<Parameters<T>>,
    handler: (message: Received<P, Parameters<T>>) => void | Promise<void>,
    options: SubscribeOptions<Parameters<T>> = {},
  ): Subscription {
    filterOf(contract, parameters as never);
    const group = this.#groupOf(contract);
    const taker = new HandlerTaker({ ...(parameters as Filter) }, handler, options, this.#options);
    if (isCovered(group, taker.filter)) {
      taker.yield();
      this.#replay(group, taker);
    }
    group.takers.add(taker);
    void this.#wire.changed();
    return {
      acknowledged: (signal) => this.#wire.acknowledged(group, taker, signal),
      dispose: () => {
        taker.dispose();
        return group.takers.delete(taker) ? this.#wire.changed() : Promise.resolve();
      },
    };
  }

  /** Takes every message of these topics unread. */
  addRaw(
    contract: Contract<string, Any>,
    parameters: Filter,
    take: (message: Incoming) => void,
  ): void {
    filterOf(contract, parameters as never);
    this.#groupOf(contract).takers.add(new RawTaker({ ...parameters }, take));
    void this.#wire.changed();
  }

  /** Subscribes everything on a new connection; resolves when all of it is acknowledged. @throws MessagingError */
  attach(connection: Connection): Promise<void> {
    this.#brokerStamps = connection.stampsActors;
    for (const group of this.#groups.values()) group.documents.clear();
    return this.#wire.attach(connection);
  }

  detach(): void {
    this.#wire.detach();
  }

  /** Takes a message from the wire. */
  dispatch(topic: string, bytes: Buffer, packet: IPublishPacket): void {
    this.#options.counters.received++;
    const route = this.#routeOf(topic);
    if (!route) return;
    const { group, parameters } = route;
    const receivedMs = this.#options.clock.monotonicMs();
    if (group.contract.retain && packet.retain) {
      if (bytes.length === 0) group.documents.delete(topic);
      else
        group.documents.set(topic, {
          packet: withoutPayload(packet),
          bytes: own(bytes),
          receivedMs,
        });
    }
    let message: Incoming | undefined;
    // A handler may subscribe while we are at it; whoever comes now is served from the documents.
    const present = Array.from(group.takers);
    for (const taker of present) {
      if (!covers(taker.filter, parameters)) continue;
      const from = { topic, parameters, bytes, receivedMs };
      message ??= new Incoming(group.contract, packet, from, this.#options);
      taker.take(message);
    }
  }

  #replay(group: Group, taker: HandlerTaker): void {
    for (const [topic, { packet, bytes, receivedMs }] of group.documents) {
      const parameters = matchTopic(group.contract, topic) as Filter | undefined;
      if (!parameters || !covers(taker.filter, parameters)) continue;
      const from = { topic, parameters, bytes, receivedMs };
      taker.take(new Incoming(group.contract, packet, from, this.#options));
    }
  }

  #groupOf(contract: Contract<string, Any>): Group {
    const key = contract.root + contract.template;
    let group = this.#groups.get(key);
    if (!group) {
      group = { contract, takers: new Set(), wire: new Map(), documents: new Map() };
      this.#groups.set(key, group);
      this.#routes.clear();
    }
    return group;
  }

  #routeOf(topic: string): Route | undefined {
    if (this.#routes.has(topic)) return this.#routes.get(topic);
    let route: Route | undefined;
    for (const group of this.#groups.values()) {
      const parameters = matchTopic(group.contract, topic) as Route["parameters"] | undefined;
      if (parameters) route = { group, parameters };
    }
    if (this.#routes.size >= ROUTES_REMEMBERED) this.#routes.clear();
    this.#routes.set(topic, route);
    return route;
  }
}

/** What was read from the socket lies in one large piece of memory with all that came with it, which would be kept. */
function own(bytes: Buffer): Buffer {
  return Buffer.from(bytes);
}

function withoutPayload({
  cmd,
  topic,
  qos,
  dup,
  retain,
  properties,
}: IPublishPacket): IPublishPacket {
  return { cmd, topic, qos, dup, retain, payload: "", ...(properties ? { properties } : {}) };
}
