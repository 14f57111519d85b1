import { createSocket } from "node:dgram";
import { PortError } from "@outrider/ports/port-error";
import { milliseconds, type Clock } from "@outrider/ports/time";

const SYNCHRONIZATION = 6;
const REPETITIONS = 16;
/** UDP may lose one, and a second one does no harm. */
const TIMES = 3;
const APART = milliseconds(100);

export interface MagicPacket {
  /** The Ethernet address of the card that is to start its machine: `d8:3a:dd:00:00:01`. */
  readonly mac: string;
  /** Where it is sent: an IPv4 address, as a rule the broadcast address of the machine's network. */
  readonly address: string;
  readonly udpPort: number;
  readonly clock: Clock;
}

/** Six bytes FF and sixteen times the address (AMD, Magic Packet Technology, publication 20213). */
export function magicPacket(mac: string): Buffer {
  const address = Buffer.from(mac.replaceAll(/[:-]/g, ""), "hex");
  return Buffer.concat([
    Buffer.alloc(SYNCHRONIZATION, 0xff),
    ...Array.from({ length: REPETITIONS }, () => address),
  ]);
}

/**
 * Sends it three times. Nothing answers: what comes of it is seen elsewhere.
 * @throws PortError `unreachable`: this host cannot send there · the signal's reason
 */
export async function sendMagicPacket(
  { mac, address, udpPort, clock }: MagicPacket,
  signal: AbortSignal,
): Promise<void> {
  signal.throwIfAborted();
  const socket = createSocket("udp4");
  const packet = magicPacket(mac);
  try {
    const sent = async (): Promise<void> => {
      await new Promise<void>((resolve, reject) => {
        const fail = (error: NodeJS.ErrnoException): void =>
          reject(
            new PortError(
              "unreachable",
              `A magic packet could not be sent to ${address}, UDP port ${udpPort} (${error.code ?? error.message}). Check the network of the agent's host; a host in several networks needs the broadcast address of the node's own.`,
              { cause: error },
            ),
          );
        socket.once("error", fail);
        socket.send(packet, udpPort, address, (error) => {
          socket.off("error", fail);
          if (error) fail(error);
          else resolve();
        });
      });
    };
    await new Promise<void>((resolve) => socket.bind(0, resolve));
    socket.setBroadcast(true);
    await sent();
    for (let time = 1; time < TIMES; time += 1) {
      await clock.sleep(APART, signal);
      await sent();
    }
  } finally {
    socket.close();
  }
}
