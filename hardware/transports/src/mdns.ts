import { createSocket, type Socket } from "node:dgram";
import { once } from "node:events";
import { seconds, type Clock } from "@outrider/ports/time";
import { encode, type Question } from "dns-packet";
import { MdnsRecords, type AnnouncedService } from "./mdns-records.js";

const GROUP = "224.0.0.251";
const PORT = 5353;
/** Responders answer within 20 to 120 ms, and what is lost is asked for again. */
const ROUND = seconds(1);
const ROUNDS = 3;
const MOST_QUESTIONS = 64;

export interface Browsed {
  readonly services: readonly AnnouncedService[];
  /** Why one of the networks could not be asked, by its address. */
  readonly failed: readonly { readonly address: string; readonly error: Error }[];
}

/**
 * Asks the networks of these own addresses who has services of these types, for three seconds. It asks from a port of
 * its own, so that it is answered alone (RFC 6762, 6.7, which those who only want to look once are to do) and takes no
 * answer away from a responder of this host.
 * @param types in full: `_ssh._tcp.local`
 * @throws the signal's reason
 */
export async function browse(
  types: readonly string[],
  own: readonly string[],
  clock: Clock,
  signal: AbortSignal,
): Promise<Browsed> {
  signal.throwIfAborted();
  const records = new MdnsRecords(types);
  const failed = new Map<string, Error>();
  const sockets = new Map<string, Socket>();
  try {
    for (const address of own) {
      const socket = createSocket("udp4");
      sockets.set(address, socket);
      // A network that goes away in between is one that is not asked.
      socket.on("error", (error) => failed.set(address, error));
      // Who answers does so from this port.
      socket.on("message", (bytes, from) => {
        if (from.port === PORT) records.take(bytes, from.address);
      });
      try {
        socket.bind({ address, port: 0 });
        await once(socket, "listening", { signal });
        socket.setMulticastInterface(address);
        socket.setMulticastTTL(255);
      } catch (error) {
        signal.throwIfAborted();
        failed.set(address, error as Error);
      }
    }
    for (let round = 0; round < ROUNDS; round += 1) {
      const open = round === 0 ? [] : records.open(MOST_QUESTIONS);
      const wanted =
        round < ROUNDS - 1 ? types.map((name) => ({ name, type: "PTR" as const })) : [];
      for (const question of [...wanted, ...open]) {
        for (const [address, socket] of sockets) if (!failed.has(address)) ask(socket, question);
      }
      await clock.sleep(ROUND, signal);
    }
  } finally {
    for (const socket of sockets.values()) socket.close();
  }
  return {
    services: records.services(),
    failed: [...failed].map(([address, error]) => ({ address, error })),
  };
}

function ask(socket: Socket, question: Question): void {
  // One in each packet: small responders heed no more.
  const packet = encode({ type: "query", id: 1, questions: [question] });
  socket.send(packet, PORT, GROUP, (error) => {
    if (error) socket.emit("error", error);
  });
}
