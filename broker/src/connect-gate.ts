import type { ConnectPacket } from "aedes";
import { Access } from "./access.js";
import { announceSessionEnd, imposeKeepAlive } from "./aedes-internals.js";
import type { ConnectRefusal } from "./connack.js";
import type { BrokerLimits } from "./limits.js";
import { login, type Admission } from "./login.js";
import type { Peer, Peers } from "./peers.js";

/** Control characters would make log lines and topics lie. */
const CLIENT_ID = /^[^\u0000-\u001f\u007f-\u009f]{1,128}$/;

/**
 * Prepares a CONNECT for Aedes. Sessions end with their connection, whatever was asked: nothing is ever queued for
 * somebody who is not there.
 * @returns the refusal of a packet that breaks a rule before anybody's identity matters
 */
export function prepareConnect(
  peer: Peer,
  packet: ConnectPacket,
  limits: BrokerLimits,
): ConnectRefusal | undefined {
  peer.version = packet.protocolVersion ?? 4;
  peer.clientIdAssigned = packet.clientId === "";
  peer.claimed = shown(packet.username);
  peer.will = packet.will && { topic: packet.will.topic, retain: packet.will.retain === true };
  if (packet.clientId !== "" && !CLIENT_ID.test(packet.clientId)) return malformed("the client id");
  // [MQTT-3.1.3-8] is checked here because the clean flag is overwritten below.
  if (peer.version < 5 && packet.clientId === "" && packet.clean === false) {
    return malformed("an empty client id without a clean session");
  }
  if (peer.version === 5) {
    peer.sessionDenied = (packet.properties?.sessionExpiryInterval ?? 0) > 0;
    packet.properties = { ...packet.properties, sessionExpiryInterval: 0 };
    const { keepalive = 0 } = packet;
    if (keepalive === 0 || keepalive > limits.maxKeepAliveSeconds) {
      peer.keepAlive = limits.maxKeepAliveSeconds;
    }
  }
  packet.clean = true;
  return undefined;
}

/** Decides whether a client is let in. On undefined it is, and stands in `peers`. */
export async function admitClient(
  peer: Peer,
  credentials: { readonly username: string | undefined; readonly password: Uint8Array | undefined },
  context: { readonly admission: Admission; readonly limits: BrokerLimits; readonly peers: Peers },
): Promise<ConnectRefusal | undefined> {
  const { admission, limits, peers } = context;
  const { client } = peer;
  if (peers.size >= limits.maxClients) {
    return { reason: "full", code: "full", message: "the broker has all the clients it takes" };
  }
  const found = await login(admission, peer.address, credentials.username, credentials.password);
  if ("code" in found) return found;
  const access = new Access(found, limits.maxTopicLength);
  const will = peer.will && access.will(peer.will.topic, peer.will.retain);
  if (will) return { ...will, reason: `will: ${will.reason}`, code: "forbidden" };
  if (found.kind !== "person" && peer.clientIdAssigned) {
    return {
      reason: "no-client-id",
      code: "client-id",
      message:
        "services and agents need a client id, so that they can take over their own connection",
    };
  }
  peer.clientId = client.id;
  if (peer.sessionDenied) announceSessionEnd(client);
  if (peer.keepAlive !== undefined) imposeKeepAlive(client, peer.keepAlive);
  return peers.admit(peer, access);
}

function malformed(what: string): ConnectRefusal {
  return { reason: "malformed-connect", code: "client-id", message: `${what} is not valid` };
}

/** A user name for the log: short, and without what would not print. JSON does the rest. */
function shown(username: string | undefined): string {
  return username === undefined ? "(none)" : username.slice(0, 64);
}
