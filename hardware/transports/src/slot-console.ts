import { request, type IncomingMessage } from "node:http";
import type { Duplex } from "node:stream";
import type { ConsoleListener } from "@outrider/ports/console-port";
import { PortError } from "@outrider/ports/port-error";
import type { Clock } from "@outrider/ports/time";
import { connectionError } from "./connection-error.js";
import { httpTarget, type HttpAddress } from "./http.js";
import type { OpenLine } from "./reconnecting-line.js";
import { refusalOf } from "./slot-answers.js";
import { streamLine } from "./stream-socket.js";

const REFUSAL_BYTES = 65_536;

export interface SlotConsoleOptions {
  readonly address: HttpAddress;
  /** Counts from 1. */
  readonly slot: number;
  /** The slot with the device's address, as messages name it. */
  readonly what: string;
  readonly clock: Clock;
}

/**
 * Opens the console of a slot: HTTP with `Upgrade: slot-console`, raw bytes from then on.
 * @throws PortError `unreachable`, `refused` while somebody else has it, or what the slot API answers
 */
export async function openSlotConsole(
  { address, slot, what, clock }: SlotConsoleOptions,
  listener: ConsoleListener,
  signal: AbortSignal,
): Promise<OpenLine> {
  const { socket, head } = await upgraded(address, slot, what, signal);
  const line = streamLine(socket, { what, clock }, listener);
  if (head.length > 0) socket.unshift(head);
  return line;
}

function upgraded(
  address: HttpAddress,
  slot: number,
  what: string,
  signal: AbortSignal,
): Promise<{ readonly socket: Duplex; readonly head: Buffer }> {
  const { target, prefix } = httpTarget(address);
  return new Promise((resolve, reject) => {
    const outgoing = request({
      ...target,
      path: `${prefix}/slots/${slot}/console`,
      headers: { ...target.headers, connection: "Upgrade", upgrade: "slot-console" },
      agent: false,
    });
    const giveUp = (): void => {
      outgoing.destroy();
      reject(signal.reason as Error);
    };
    signal.addEventListener("abort", giveUp, { once: true });
    outgoing.once("upgrade", (_, socket, head) => {
      signal.removeEventListener("abort", giveUp);
      resolve({ socket, head });
    });
    outgoing.once("response", (incoming) => {
      readRefusal(incoming).then(
        (json) => reject(refusalOf({ status: incoming.statusCode ?? 0, json }, what)),
        (error: Error) => reject(connectionError(what, error)),
      );
    });
    outgoing.once("error", (error: NodeJS.ErrnoException) => {
      if (error.code?.startsWith("HPE_") === true) {
        const advice = "Check that the address belongs to a rack or chassis.";
        reject(new PortError("protocol", `${what} does not speak HTTP. ${advice}`));
      } else reject(connectionError(what, error));
    });
    outgoing.end();
  });
}

async function readRefusal(incoming: IncomingMessage): Promise<unknown> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of incoming as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > REFUSAL_BYTES) break;
    chunks.push(chunk);
  }
  try {
    return JSON.parse(Buffer.concat(chunks).toString("utf8")) as unknown;
  } catch {
    return undefined;
  }
}
