import { reasonOf, withDeadline } from "@outrider/ports/deadline";
import { PortError } from "@outrider/ports/port-error";
import { seconds, type Clock, type Duration } from "@outrider/ports/time";
import { connect as connectTcp } from "node:net";
import { connect as connectTls } from "node:tls";
import { MqttClient, type IPublishPacket } from "mqtt";
import { SharedByClock, type Share } from "./shared.js";

export interface BrokerAddress {
  /** `mqtt://host:1883` or `mqtts://host:8883`. */
  readonly url: string;
  readonly credentials?: { readonly username: string; readonly password: string } | undefined;
  /** The authority (PEM) that signed the broker's certificate. Missing: those that the system trusts. */
  readonly ca?: string | undefined;
  readonly clock: Clock;
}

/** One message as it came. */
export interface Heard {
  readonly topic: string;
  readonly text: string;
  /** The broker has kept it: it says what once was, not what is. */
  readonly retained: boolean;
}
type Listener = (heard: Heard) => void;

const CONNECT_DEADLINE = seconds(5);
const RECONNECT_MS = 1000;

const brokers = new SharedByClock<MqttLink>();

/** The connection to a broker: one for all endpoints of this process that name the same. */
export function shareBroker(address: BrokerAddress): Share<MqttLink> {
  const { url, credentials, ca, clock } = address;
  const key = JSON.stringify([url, credentials, ca]);
  return brokers.take(clock, key, () => new MqttLink(address));
}

/**
 * A connection to a broker that devices are connected to. What is published is never retained and never queued: a
 * command that comes late is worse than none. Reconnects by itself while anybody uses it.
 */
export class MqttLink implements Disposable {
  readonly what: string;
  readonly #client: MqttClient;
  readonly #listeners = new Map<string, Set<Listener>>();
  /** Topics that the broker has confirmed on the present connection. */
  readonly #confirmed = new Set<string>();
  /** The last message of each topic on the present connection. */
  readonly #last = new Map<string, string>();
  #lost = "it has not answered yet";

  constructor(private readonly address: BrokerAddress) {
    const { url, credentials, ca } = address;
    const { protocol, hostname, port, host } = new URL(url);
    this.what = `The MQTT broker at ${host}`;
    const bare = hostname.replace(/^\[(.*)\]$/, "$1");
    // mqtt.js leaves Nagle's algorithm on, which delays each request by 40 ms.
    const open = (): ReturnType<typeof connectTcp> => {
      if (protocol === "mqtt:")
        return connectTcp({ host: bare, port: Number(port || 1883), noDelay: true });
      const trust = ca === undefined ? {} : { ca };
      const socket = connectTls({
        host: bare,
        port: Number(port || 8883),
        ...(/^[\d.]+$|:/.test(bare) ? {} : { servername: bare }),
        ...trust,
      });
      return socket.setNoDelay(true);
    };
    this.#client = new MqttClient(() => open(), {
      protocolVersion: 4,
      clean: true,
      // At each connection again, below: also what failed the first time.
      resubscribe: false,
      reconnectPeriod: RECONNECT_MS,
      connectTimeout: CONNECT_DEADLINE,
      keepalive: 15,
      // The library would keep a buffer for each number that a packet can have, 7 MiB of them.
      writeCache: false,
      queueQoSZero: false,
      ...credentials,
    });
    this.#client.on("error", (error) => (this.#lost = wordsOf(error)));
    this.#client.on("close", () => {
      this.#confirmed.clear();
      this.#last.clear();
    });
    this.#client.on("connect", () => {
      // A refusal is told to whoever asks next.
      this.#subscribe([...this.#listeners.keys()]).catch(() => {});
    });
    this.#client.on("message", (topic, payload, packet: IPublishPacket) => {
      const text = payload.toString("utf8");
      this.#last.set(topic, text);
      const heard = { topic, text, retained: packet.retain };
      for (const listener of this.#listeners.get(topic) ?? []) listener(heard);
    });
  }

  /** Calls back at each message on topics without wildcards, whenever there is a connection. */
  watch(topics: readonly string[], listener: Listener): Disposable {
    const leave = this.#add(topics, listener);
    if (this.#client.connected) this.#subscribe(topics).catch(() => {});
    return { [Symbol.dispose]: leave };
  }

  /** Sends now or not at all. @throws PortError `unreachable` */
  async publish(topic: string, payload: string, signal: AbortSignal): Promise<void> {
    await this.#connected(signal);
    try {
      await withDeadline(this.address.clock, CONNECT_DEADLINE, signal, this.what, () =>
        this.#client.publishAsync(topic, payload, { qos: 0, retain: false }),
      );
    } catch (error) {
      throw error instanceof PortError || signal.aborted ? error : this.#failed(error);
    }
  }

  /**
   * Publishes and waits for the first answer that `read` understands. It is also told what was said before, as retained:
   * that is no answer, but may say that the device is away.
   * @param who the device, as messages name it
   */
  async ask<T>(
    who: string,
    request: { readonly topic: string; readonly payload: string },
    answers: readonly string[],
    deadline: Duration,
    signal: AbortSignal,
    read: (heard: Heard) => T | undefined,
  ): Promise<T> {
    return withDeadline(this.address.clock, deadline, signal, who, async (limit) => {
      const answer = Promise.withResolvers<T>();
      answer.promise.catch(() => {});
      const hear = (heard: Heard): void => {
        try {
          const value = read(heard);
          if (value !== undefined) answer.resolve(value);
        } catch (error) {
          answer.reject(error);
        }
      };
      await this.#connected(limit);
      using _watch = this.watch(answers, hear);
      await this.#confirm(answers, limit);
      for (const topic of answers) {
        const text = this.#last.get(topic);
        if (text !== undefined) hear({ topic, text, retained: true });
      }
      await this.publish(request.topic, request.payload, limit);
      return await new Promise<T>((resolve, reject) => {
        limit.addEventListener("abort", () => reject(reasonOf(limit, who)), { once: true });
        answer.promise.then(resolve, reject);
      });
    });
  }

  [Symbol.dispose](): void {
    this.#listeners.clear();
    this.#client.end(true);
  }

  /** Topics stay subscribed as long as the connection: some brokers lose a SUBSCRIBE that follows an UNSUBSCRIBE. */
  #add(topics: readonly string[], listener: Listener): () => void {
    for (const topic of topics) {
      const known = this.#listeners.get(topic) ?? new Set<Listener>();
      this.#listeners.set(topic, known.add(listener));
    }
    return () => {
      for (const topic of topics) this.#listeners.get(topic)?.delete(listener);
    };
  }

  async #subscribe(topics: readonly string[]): Promise<void> {
    if (topics.length === 0) return;
    for (const { topic, qos } of await this.#client.subscribeAsync([...topics], { qos: 0 })) {
      if ((qos as number) >= 128) throw this.#forbidden(`subscribe to ${topic}`);
      this.#confirmed.add(topic);
    }
  }

  async #confirm(topics: readonly string[], signal: AbortSignal): Promise<void> {
    const open = topics.filter((topic) => !this.#confirmed.has(topic));
    try {
      await withDeadline(this.address.clock, CONNECT_DEADLINE, signal, this.what, () =>
        this.#subscribe(open),
      );
    } catch (error) {
      throw error instanceof PortError || signal.aborted ? error : this.#failed(error);
    }
  }

  async #connected(signal: AbortSignal): Promise<void> {
    if (signal.aborted) throw reasonOf(signal, this.what);
    if (this.#client.connected) return;
    const { clock } = this.address;
    const connected = Promise.withResolvers<void>();
    const go = (): void => connected.resolve();
    const fail = (error: Error): void => connected.reject(this.#failed(error));
    this.#client.once("connect", go).once("error", fail);
    try {
      await withDeadline(clock, CONNECT_DEADLINE, signal, this.what, () => connected.promise);
    } catch (error) {
      if (error instanceof PortError && error.code === "timed-out") {
        throw this.#failed(new Error(this.#lost));
      }
      throw error;
    } finally {
      this.#client.off("connect", go).off("error", fail);
    }
  }

  #failed(cause: unknown): PortError {
    const words = wordsOf(cause as Error);
    if (/not authorized|bad user/i.test(words)) return this.#forbidden("connect");
    return new PortError(
      "unreachable",
      `${this.what} cannot be reached: ${words}. Check that it runs and that its address is right.`,
      { cause },
    );
  }

  #forbidden(what: string): PortError {
    return new PortError(
      "refused",
      `${this.what} does not let this agent ${what}. Check username and password of the endpoint, and the broker's rights.`,
    );
  }
}

function wordsOf(error: Error): string {
  const { code } = error as NodeJS.ErrnoException;
  return typeof code === "string" ? code : error.message.slice(0, 100);
}
