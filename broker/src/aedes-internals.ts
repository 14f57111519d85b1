import type { Client } from "aedes";

/**
 * The few places where Aedes 2.0.0-beta.1 has no option for what is needed. Everything here touches fields that are
 * not part of its interface, which is why its version is pinned; each has a test that fails when it stops working.
 */
interface AedesClient {
  waitForDrain(done: (error: Error | null, client: unknown) => void): void;
  subscriptions: Readonly<Record<string, { readonly qos: number }>>;
  duplicates: object;
  readonly _parser: { parse(bytes: Buffer): number };
  _serverKeepAlive?: number;
  _sessionExpiryClamped?: boolean;
}

const inner = (client: Client): AedesClient => client as unknown as AedesClient;

/** To be called on each new client, before it has read anything. */
export function harden(client: Client, onFault: (error: unknown) => void): void {
  const one = inner(client);
  // Publishers do not wait for subscribers; slow-readers.ts bounds what may wait for one.
  one.waitForDrain = (done) => setImmediate(done, null, client);
  // Keyed by what clients send: with a prototype, `constructor` is taken for a subscription that exists.
  one.subscriptions = Object.create(null) as AedesClient["subscriptions"];
  one.duplicates = Object.create(null) as object;
  // mqtt-packet throws on some malformed properties instead of reporting them: also the end of the process.
  const parse = one._parser.parse.bind(one._parser);
  one._parser.parse = (bytes) => {
    try {
      return parse(bytes);
    } catch (error) {
      onFault(error);
      return 0;
    }
  };
}

/** Same for the broker's own table, keyed by client ids. To be called before it listens. */
export function hardenBroker(broker: object): void {
  (broker as { clients: object }).clients = Object.create(null) as object;
}

/** Whether everything that a client subscribed to is QoS 0. */
export function hasOnlyQos0(client: Client): boolean {
  return Object.values(inner(client).subscriptions).every((one) => one.qos === 0);
}

export function subscriptionCount(client: Client): number {
  return Object.keys(inner(client).subscriptions).length;
}

export function isSubscribed(client: Client, filter: string): boolean {
  return filter in inner(client).subscriptions;
}

/** Gives an MQTT 5 client another keep-alive than it asked for, and tells it in the CONNACK (MQTT 5.0, 3.2.2.3.14). */
export function imposeKeepAlive(client: Client, seconds: number): void {
  inner(client)._serverKeepAlive = seconds;
}

/** Tells an MQTT 5 client in the CONNACK that its session ends with the connection (MQTT 5.0, 3.2.2.3.2). */
export function announceSessionEnd(client: Client): void {
  inner(client)._sessionExpiryClamped = true;
}

/** Takes a client off the broker's table that had gone before it was put there. */
export function unregister(broker: object, client: Client): void {
  (broker as { unregisterClient(client: Client): void }).unregisterClient(client);
}
