import { connect as connectTcp, type Socket } from "node:net";
import { connect as connectTls } from "node:tls";
import { gatherWrites } from "@outrider/contracts/gather-writes";

/** Where a broker is. */
export interface BrokerAddress {
  readonly host: string;
  readonly port: number;
  readonly tls: boolean;
}

/**
 * Reads `mqtt://host:port` or `mqtts://host:port`.
 * @throws TypeError for anything else; the text itself is not repeated, because people put passwords into URLs.
 */
export function brokerAddress(url: string): BrokerAddress {
  const parsed = URL.canParse(url) ? new URL(url) : undefined;
  if (!parsed || !parsed.hostname || !["mqtt:", "mqtts:"].includes(parsed.protocol)) {
    throw new TypeError("the broker's URL must look like mqtt://host:1883 or mqtts://host:8883");
  }
  const tls = parsed.protocol === "mqtts:";
  return {
    host: parsed.hostname.replace(/^\[(.*)\]$/, "$1"),
    port: parsed.port === "" ? (tls ? 8883 : 1883) : Number(parsed.port),
    tls,
  };
}

/**
 * Opens a socket with TCP_NODELAY. mqtt.js does not set it: Nagle's algorithm against delayed acknowledgements
 * then costs 44 ms for each QoS 1 request and answer instead of one. Messages of one turn leave together.
 */
export function openSocket(address: BrokerAddress): Socket {
  const socket = connect(address);
  gatherWrites(socket);
  return socket;
}

function connect({ host, port, tls }: BrokerAddress): Socket {
  if (!tls) return connectTcp({ host, port, noDelay: true });
  const socket = connectTls({ host, port, servername: host });
  socket.setNoDelay(true);
  return socket;
}
