import type { IncomingMessage } from "node:http";
import type { Duplex } from "node:stream";
import { refuseBrowsers } from "./browsers.js";
import { CONSOLE_PROTOCOL, HTTP_STATUS, SlotError, type SlotMachine } from "./slot-api.js";

/**
 * Hands a slot's console to whoever asks for it, as long as nobody else has it: `GET /slots/{n}/console` with
 * `Upgrade: slot-console`. A fault that keeps the slot silent keeps this silent, too.
 */
export function serveConsole(
  machine: SlotMachine,
  request: IncomingMessage,
  socket: Duplex,
  head: Buffer,
): void {
  socket.on("error", () => {});
  try {
    refuseBrowsers(request);
    const slot = slotAskedFor(request);
    const line = machine.console(slot);
    if (!machine.mains) return void socket.destroy();
    if ((machine.faults(slot).silent ?? false) !== false) return;
    if (line.taken) {
      throw new SlotError(
        "refused",
        `Another client has the console of slot ${slot}; it takes one at a time.`,
      );
    }
    socket.write(
      `HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: ${CONSOLE_PROTOCOL}\r\n\r\n`,
    );
    if (head.length > 0) socket.unshift(head);
    line.take(socket);
  } catch (error) {
    if (!(error instanceof SlotError)) throw error;
    refuse(socket, error);
  }
}

function slotAskedFor(request: IncomingMessage): number {
  const { pathname } = new URL(request.url ?? "/", "http://slots");
  const slot = /^\/slots\/(\d{1,5})\/console$/.exec(pathname)?.[1];
  const asked = request.headers.upgrade?.toLowerCase();
  if (slot === undefined || request.method !== "GET" || asked !== CONSOLE_PROTOCOL) {
    throw new SlotError("not-found", `There is no upgrade of ${request.method} ${pathname}.`);
  }
  return Number(slot);
}

function refuse(socket: Duplex, { code, message }: SlotError): void {
  const body = JSON.stringify({ error: { code, message } });
  socket.end(
    `HTTP/1.1 ${HTTP_STATUS[code]} Refused\r\nconnection: close\r\ncontent-type: application/json\r\n` +
      `content-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
  );
}
