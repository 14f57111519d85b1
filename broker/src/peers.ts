import { actorOf, isSingleWriter, type Identity } from "@outrider/contracts/acl";
import type { Client } from "aedes";
import type { Socket } from "node:net";
import type { Access } from "./access.js";
import { hasOnlyQos0 } from "./aedes-internals.js";
import type { ConnectRefusal } from "./connack.js";
import { ANONYMOUS } from "@outrider/identity/names";
import type { Outgoing } from "./slow-readers.js";

/** A connection, from the first byte to the last. */
export class Peer implements Outgoing {
  readonly conn: Socket;
  readonly client: Client;
  readonly address: string;
  /** Set once the identity is proven. */
  access: Access | undefined;
  /** MQTT protocol level of the CONNECT. */
  version = 4;
  clientId = "";
  /** What is shown in logs before the identity is proven. */
  claimed = "";
  /** The client sent none, so that Aedes made one up. */
  clientIdAssigned = false;
  /** An MQTT 5 client asked for a session that outlives its connection. */
  sessionDenied = false;
  /** In seconds, when the client gets another one than it asked for. */
  keepAlive: number | undefined;
  will: { readonly topic: string; readonly retain: boolean } | undefined;
  /** Whether Aedes has it in its table, so that Aedes says when it is gone. */
  registered = false;
  ready = false;
  readonly gone: Promise<void>;
  #isGone = false;
  #leave: () => void = () => {};

  constructor(conn: Socket, client: Client) {
    this.conn = conn;
    this.client = client;
    this.address = conn.remoteAddress?.replace(/^::ffff:/, "") ?? "unknown";
    this.gone = new Promise((resolve) => (this.#leave = resolve));
  }

  get isGone(): boolean {
    return this.#isGone;
  }

  get name(): string {
    return this.access ? actorOf(this.access.identity) : this.claimed;
  }

  get isAnonymous(): boolean {
    return this.access?.identity.kind === "person" && this.access.identity.name === ANONYMOUS;
  }

  onlyQos0(): boolean {
    return hasOnlyQos0(this.client);
  }

  /** Closes the connection, telling an MQTT 5 client why. */
  dismiss(reasonCode: number): void {
    // Nothing more gets through to one whose buffer is full.
    if (this.conn.writableNeedDrain) this.client.close();
    else this.client.disconnect({ reasonCode });
  }

  left(): void {
    this.#isGone = true;
    this.#leave();
  }
}

const SESSION_TAKEN_OVER = 0x8e;

/**
 * Who is connected under which client id and identity. A service or an agent writes retained topics alone, so it is
 * here once: its own client id takes over, any other is refused while the first one lives. A client id belongs to
 * the identity that uses it: nobody can push out somebody else, save that a service or an agent gets its client id
 * back from a person who happens to use it.
 */
export class Peers {
  readonly #byClientId = new Map<string, Peer>();
  readonly #byIdentity = new Map<string, Peer>();

  get size(): number {
    return this.#byClientId.size;
  }

  all(): IterableIterator<Peer> {
    return this.#byClientId.values();
  }

  /** Makes place for a connection, ending an older one of the same client. Undefined: it is in. */
  async admit(peer: Peer, access: Access): Promise<ConnectRefusal | undefined> {
    const { identity } = access;
    const actor = actorOf(identity);
    for (;;) {
      if (peer.isGone) return GONE;
      const holder = this.#byIdentity.get(actor);
      if (holder && holder.clientId !== peer.clientId) return heldBy(holder, actor);
      const same = this.#byClientId.get(peer.clientId);
      if (!same) break;
      if (!mayTakeOver(identity, same.access?.identity)) return CLIENT_ID_TAKEN;
      same.dismiss(SESSION_TAKEN_OVER);
      // Its will is out before the newcomer is in, so that the newcomer's birth is the last word.
      await same.gone;
    }
    peer.access = access;
    this.#byClientId.set(peer.clientId, peer);
    if (isSingleWriter(identity)) this.#byIdentity.set(actor, peer);
    return undefined;
  }

  remove(peer: Peer): void {
    if (this.#byClientId.get(peer.clientId) === peer) this.#byClientId.delete(peer.clientId);
    if (peer.access && this.#byIdentity.get(peer.name) === peer) this.#byIdentity.delete(peer.name);
    peer.left();
  }
}

function mayTakeOver(newcomer: Identity, holder: Identity | undefined): boolean {
  if (!holder) return true;
  return (
    actorOf(newcomer) === actorOf(holder) || (isSingleWriter(newcomer) && holder.kind === "person")
  );
}

const GONE: ConnectRefusal = { reason: "gone", code: "busy", message: "the connection was lost" };

const CLIENT_ID_TAKEN: ConnectRefusal = {
  reason: "client-id-taken",
  code: "client-id",
  message: "this client id is in use by somebody else; choose another one",
};

function heldBy(holder: Peer, actor: string): ConnectRefusal {
  return {
    reason: "identity-held",
    code: "client-id",
    message: `${actor} is already connected as client ${JSON.stringify(holder.clientId)} from ${holder.address}; stop that one first`,
  };
}
