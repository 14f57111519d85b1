import type { Socket } from "node:net";
import { generate } from "mqtt-packet";
import type { Refusal } from "./access.js";

/** MQTT 5.0 reason code (3.2.2.2) and MQTT 3.1.1 return code (3.2.2.3) of a refused CONNECT. */
const CODES = {
  credentials: [0x86, 4],
  forbidden: [0x87, 5],
  "client-id": [0x85, 2],
  busy: [0x89, 3],
  full: [0x97, 3],
} as const;

export interface ConnectRefusal extends Refusal {
  readonly code: keyof typeof CODES;
}

/** Answers a CONNECT with a refusal and closes the connection once the answer is out. */
export function refuseConnect(socket: Socket, version: number, refusal: ConnectRefusal): void {
  const [reasonCode, returnCode] = CODES[refusal.code];
  const packet =
    version === 5
      ? generate(
          {
            cmd: "connack",
            sessionPresent: false,
            reasonCode,
            properties: { reasonString: refusal.message },
          },
          { protocolVersion: 5 },
        )
      : generate({ cmd: "connack", sessionPresent: false, returnCode });
  if (!socket.destroyed) socket.write(packet);
  socket.destroySoon();
}
