import { Readable, type Duplex } from "node:stream";
import { setImmediate as turn } from "node:timers/promises";
import type { AedesPublishPacket, ConnectPacket } from "aedes";
import { RetainedMessages } from "./retained-messages.js";

interface Owner {
  readonly id: string;
}
interface Numbered {
  readonly messageId?: number | undefined;
}
type Will = NonNullable<ConnectPacket["will"]>;

/** Retained messages wait while this many bytes do. Above what a stream buffers, so that a drain is announced. */
const PACE_ABOVE_BYTES = 256 * 1024;

/** Resolves when everything that waited is out, or the connection is closed; its keep-alive bounds the wait. */
function drained(conn: Duplex): Promise<void> {
  return new Promise((resolve) => {
    const settle = (): void => {
      conn.removeListener("drain", settle);
      conn.removeListener("close", settle);
      resolve();
    };
    if (conn.destroyed || !conn.writableNeedDrain) return resolve();
    conn.on("drain", settle);
    conn.on("close", settle);
  });
}

/**
 * What Aedes wants kept, in memory: retained messages and wills, and nothing of a session. Sessions end with their
 * connection, so there is no queue for the absent: a command that waits in a broker acts when nobody expects it.
 * Aedes' own memory store would keep such queues without bound, and takes the first QoS 2 message of a client
 * that came back for a duplicate of its last.
 */
export class VolatilePersistence {
  readonly #retained = new RetainedMessages<AedesPublishPacket>();
  readonly #wills = new Map<string, Will>();
  /** Identifiers of QoS 2 messages that a client has begun and not released. */
  readonly #begun = new Map<string, Set<number>>();
  readonly #maxInflight: number;
  #brokerId = "";
  #subscriber: Duplex | undefined;

  /** @param maxInflight QoS 2 messages that one client may have begun */
  constructor(maxInflight: number) {
    this.#maxInflight = maxInflight;
  }

  get retainedCount(): number {
    return this.#retained.size;
  }

  async setup(broker: { readonly id: string }): Promise<void> {
    this.#brokerId = broker.id;
  }

  /** Ends what a client had begun. */
  forget(clientId: string): void {
    this.#begun.delete(clientId);
  }

  async storeRetained(packet: AedesPublishPacket): Promise<void> {
    if (packet.payload.length === 0) this.#retained.delete(packet.topic);
    else this.#retained.set(packet.topic, { ...packet });
  }

  retained(topic: string): AedesPublishPacket | undefined {
    return this.#retained.get(topic);
  }

  /** Says for whom Aedes asks for retained messages next, which it does in the same turn. */
  subscribing(conn: Duplex): void {
    this.#subscriber = conn;
  }

  /**
   * The retained messages of a new subscriber, as fast as it reads them: all at once could be more than may wait for
   * one client, and a slow one would be cut each time it comes.
   */
  createRetainedStreamCombi(filters: readonly string[]): Readable {
    const conn = this.#subscriber;
    this.#subscriber = undefined;
    const retained = this.#retained;
    return Readable.from(
      (async function* () {
        for (const filter of filters) {
          for (const message of retained.matching(filter)) {
            if (conn && conn.writableLength > PACE_ABOVE_BYTES) await drained(conn);
            yield message;
            // Aedes writes it in the next turn; only then is known how much waits.
            await turn();
          }
        }
      })(),
      { highWaterMark: 1 },
    );
  }

  async incomingGetPacket(client: Owner, packet: Numbered): Promise<object> {
    const begun = this.#begun.get(client.id);
    if (packet.messageId === undefined || !begun?.has(packet.messageId)) {
      throw new Error("no such packet");
    }
    return packet;
  }

  /** @throws Error when the client has begun too many; Aedes then ends its connection */
  async incomingStorePacket(client: Owner, packet: Numbered): Promise<void> {
    let begun = this.#begun.get(client.id);
    if (!begun) this.#begun.set(client.id, (begun = new Set()));
    if (begun.size >= this.#maxInflight) throw new Error("too many QoS 2 messages begun");
    if (packet.messageId !== undefined) begun.add(packet.messageId);
  }

  async incomingDelPacket(client: Owner, packet: Numbered): Promise<void> {
    if (packet.messageId !== undefined) this.#begun.get(client.id)?.delete(packet.messageId);
  }

  async putWill(client: Owner, will: Will): Promise<void> {
    this.#wills.set(
      client.id,
      Object.assign(will, { brokerId: this.#brokerId, clientId: client.id }),
    );
  }

  async getWill(client: Owner): Promise<Will | undefined> {
    return this.#wills.get(client.id);
  }

  async delWill(client: Owner): Promise<Will | undefined> {
    const will = this.#wills.get(client.id);
    this.#wills.delete(client.id);
    return will;
  }

  /** Wills of other brokers of a cluster, of which there are none. */
  streamWill(): Readable {
    return Readable.from([]);
  }

  // Sessions that outlive their connection do not exist; see connect-gate.ts, which makes every session a clean one.
  async addSubscriptions(): Promise<void> {}
  async removeSubscriptions(): Promise<void> {}
  async cleanSubscriptions(): Promise<void> {}
  async subscriptionsByClient(): Promise<readonly never[]> {
    return [];
  }
  async subscriptionsByTopic(): Promise<readonly never[]> {
    return [];
  }
  async outgoingEnqueue(): Promise<void> {}
  async outgoingEnqueueCombi(): Promise<void> {}
  async outgoingUpdate(): Promise<void> {}
  async outgoingClearMessageId(): Promise<undefined> {
    return undefined;
  }
  outgoingStream(): Readable {
    return Readable.from([]);
  }
  async destroy(): Promise<void> {}
}
