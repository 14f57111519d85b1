import type { Clock } from "@outrider/contracts/clock";
import type { AedesOptions, AedesPublishPacket, Client, PublishPacket } from "aedes";
import { harden, isSubscribed, subscriptionCount, unregister } from "./aedes-internals.js";
import type { Refusal } from "./access.js";
import { admitClient, prepareConnect } from "./connect-gate.js";
import { refuseConnect, type ConnectRefusal } from "./connack.js";
import type { BrokerLimits } from "./limits.js";
import type { Log } from "./log.js";
import type { Admission } from "./login.js";
import { Peers, type Peer } from "./peers.js";
import { admitMessage } from "./publish-gate.js";
import { Refusals, type RefusalCounts } from "./refusals.js";
import { SlowReaders, type CutReason } from "./slow-readers.js";

/** Counters since the start. */
export interface GateCounts {
  /** QoS 0 messages dropped because their receiver did not read, and how often that began. */
  readonly shed: { readonly messages: number; readonly episodes: number };
  /** Clients cut because they did not read, by reason. */
  readonly cut: Readonly<Record<CutReason, number>>;
  readonly refused: RefusalCounts;
  /** Packets that ended in an exception and cost their sender the connection. */
  readonly faults: number;
}

const ADMINISTRATIVE_ACTION = 0x98;

interface PeerClient extends Client {
  peer?: Peer;
}

/** Marks an error as said already, when Aedes reports it back. */
class Refused extends Error {
  override readonly name = "Refused";
}

/** Answers every question that Aedes asks about a client: may it come in, publish, subscribe, receive. */
export class Gatekeeper {
  readonly peers = new Peers();
  readonly #admission: Admission;
  readonly #limits: BrokerLimits;
  readonly #log: Log;
  readonly #refusals: Refusals;
  readonly #slow: SlowReaders<Peer>;
  readonly #retained: (topic: string) => AedesPublishPacket | undefined;
  #episodes = 0;
  #cut: Record<CutReason, number> = { "too-far-behind": 0, stalled: 0, memory: 0 };
  #faults = 0;

  /** @param retained the last retained message of a topic */
  constructor(
    admission: Admission,
    limits: BrokerLimits,
    log: Log,
    clock: Clock,
    retained: (topic: string) => AedesPublishPacket | undefined,
  ) {
    this.#retained = retained;
    this.#admission = admission;
    this.#limits = limits;
    this.#log = log;
    this.#refusals = new Refusals(log, clock);
    this.#slow = new SlowReaders<Peer>(limits, clock, {
      began: (peer, waitingBytes) => {
        this.#episodes++;
        log.warn({ ...who(peer), waitingBytes }, "a client does not read; QoS 0 to it is dropped");
      },
      ended: (peer, episode) => {
        log.info({ ...who(peer), dropped: episode.shed }, "a client reads again");
      },
      cut: (peer, reason, waitingBytes, episode) => {
        this.#cut[reason]++;
        log.warn(
          { ...who(peer), reason, waitingBytes, dropped: episode.shed },
          "a client that does not read was cut",
        );
        peer.conn.destroy();
      },
    });
  }

  /** For Aedes' constructor. */
  get hooks(): AedesOptions {
    return {
      preConnect: (client, packet, done) => {
        const peer = peerOf(client);
        const refusal = prepareConnect(peer, packet, this.#limits);
        if (!refusal) return done(null, true);
        this.#refuse(peer, refusal);
        done(new Refused(refusal.message), false);
      },
      authenticate: (client, username, password, done) => {
        const peer = peerOf(client);
        const context = { admission: this.#admission, limits: this.#limits, peers: this.peers };
        admitClient(peer, { username, password }, context).then(
          (refusal) => {
            if (refusal) this.#refuse(peer, refusal);
            else done(null, true);
          },
          (error: unknown) => this.#fault(peer, error),
        );
      },
      authorizePublish: (client, packet, done) => {
        const refusal = client ? this.#publish(peerOf(client), packet) : NOBODY;
        done(refusal ? new Refused(refusal.message) : null);
      },
      authorizeSubscribe: (client, subscription, done) => {
        done(null, this.#subscribe(peerOf(client), subscription.topic) ? null : subscription);
      },
      authorizeForward: (client, packet) => this.#forward(client, packet),
    };
  }

  counts(): GateCounts {
    return {
      shed: { messages: this.#slow.shedMessages, episodes: this.#episodes },
      cut: { ...this.#cut },
      refused: this.#refusals.counts,
      faults: this.#faults,
    };
  }

  /** A connection was accepted and handed to Aedes. */
  take(peer: Peer): void {
    (peer.client as PeerClient).peer = peer;
    harden(peer.client, (error) => this.#fault(peer, error));
  }

  /** A connection was closed before anything was handed to Aedes. */
  turnedAway(reason: string, address: string): void {
    this.#refusals.note("connect", reason, { name: "(none)", address }, {});
  }

  registered(client: Client, aedes: object): void {
    const peer = peerOf(client);
    peer.registered = true;
    if (client.closed) return unregister(aedes, client);
    this.#log.info({ ...who(peer), version: peer.version }, "a client is connected");
  }

  unregistered(client: Client): void {
    const peer = peerOf(client);
    this.peers.remove(peer);
    this.#slow.forget(peer);
    this.#log.info(who(peer), "a client is disconnected");
  }

  /** The socket is closed. Aedes says when a registered client is gone; of others nobody else would. */
  disconnected(peer: Peer): void {
    if (!peer.registered) this.peers.remove(peer);
  }

  failed(client: Client, error: Error): void {
    if (error instanceof Refused) return;
    const peer = (client as PeerClient).peer;
    this.#log.debug({ ...(peer && who(peer)), problem: error.message }, "a connection failed");
  }

  sweep(): void {
    this.#slow.sweep(this.peers.all());
  }

  /** Ends the connections of identities that were removed, or whose secret or role was changed. */
  dismissRevoked(): void {
    const { credentials } = this.#admission;
    credentials?.refresh().then(
      () => {
        for (const peer of this.peers.all()) {
          const identity = peer.access?.identity;
          if (!identity || peer.isAnonymous || credentials.stillStands(identity)) continue;
          this.#log.warn(who(peer), "the credentials of a client were withdrawn");
          peer.dismiss(ADMINISTRATIVE_ACTION);
        }
      },
      (error: unknown) => this.#log.error({ problem: String(error) }, "credentials were not read"),
    );
  }

  #publish(peer: Peer, packet: PublishPacket): Refusal | undefined {
    const refusal = peer.access ? admitMessage(peer.access, packet) : NOBODY;
    if (refusal) this.#note("publish", refusal, peer, packet.topic);
    return refusal;
  }

  #subscribe(peer: Peer, filter: string): Refusal | undefined {
    const { client } = peer;
    const limit = this.#limits.maxSubscriptionsPerClient;
    const refusal =
      peer.access?.subscribe(filter) ??
      (subscriptionCount(client) >= limit && !isSubscribed(client, filter) ? TOO_MANY : undefined);
    if (refusal) this.#note("subscribe", refusal, peer, filter);
    return refusal;
  }

  #forward(client: Client, packet: AedesPublishPacket): AedesPublishPacket | null {
    const { peer } = client as PeerClient;
    if (!peer?.access?.mayReceive(packet.topic)) return null;
    // The retained messages of a new subscription bear no broker.
    if (!packet.brokerId) return this.#forwardRetained(peer, packet);
    return this.#slow.admits(peer, packet.qos) ? packet : null;
  }

  /**
   * One that was replaced while it was under way would come after its successor and be taken for the news, so the
   * successor goes in its place. It is never shed: it may be all that the client ever hears of the topic.
   */
  #forwardRetained(peer: Peer, packet: AedesPublishPacket): AedesPublishPacket | null {
    const last = this.#retained(packet.topic);
    if (!last || !this.#slow.admits(peer, packet.qos, true)) return null;
    if (last.payload === packet.payload) return packet;
    return { ...packet, payload: last.payload, qos: last.qos, properties: last.properties };
  }

  #refuse(peer: Peer, refusal: ConnectRefusal): void {
    this.#refusals.note("connect", refusal.reason, peer, { problem: refusal.message });
    refuseConnect(peer.conn, peer.version, refusal);
  }

  #note(kind: "publish" | "subscribe", refusal: Refusal, peer: Peer, topic: string): void {
    const shown = printable(topic.slice(0, this.#limits.maxTopicLength));
    const problem = printable(refusal.message);
    this.#refusals.note(kind, refusal.reason, peer, { topic: shown, problem });
  }

  #fault(peer: Peer, error: unknown): void {
    this.#faults++;
    const problem = error instanceof Error ? (error.stack ?? error.message) : String(error);
    this.#log.error({ ...who(peer), problem }, "a packet could not be handled; its sender was cut");
    peer.conn.destroy();
  }
}

const NOBODY: Refusal = { reason: "nobody", message: "not connected" };
const TOO_MANY: Refusal = { reason: "too-many", message: "too many subscriptions" };

function peerOf(client: Client): Peer {
  const { peer } = client as PeerClient;
  if (!peer) throw new TypeError("a client without a connection");
  return peer;
}

function who(peer: Peer): { name: string; clientId: string; address: string } {
  return { name: peer.name, clientId: peer.clientId, address: peer.address };
}

/** What a client has chosen reaches a log in ASCII only: other characters can turn, hide or forge what a person reads. */
function printable(text: string): string {
  return text.replaceAll(/[^\x20-\x7e]/gu, (character) => {
    return `\\u{${(character.codePointAt(0) ?? 0).toString(16)}}`;
  });
}
