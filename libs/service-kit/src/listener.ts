import { randomBytes, timingSafeEqual } from "node:crypto";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import type { Duplex } from "node:stream";
import type { ServiceListener } from "@outrider/contracts/service-plane";

/** Answers what was asked of a service's own listener. Whoever asks has shown its token. */
export type HttpHandler = (request: IncomingMessage, response: ServerResponse) => void;

/** Takes connections that ask to become something else than HTTP. Whoever asks has shown the listener's token. */
export interface UpgradeHandler {
  upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void;
  /** Ends what has been upgraded, before the listener closes; what is left then is cut. */
  stop?(): Promise<void>;
}

export interface Listener {
  readonly address: ServiceListener;
  close(): Promise<void>;
}

/**
 * Listens on the loopback interface for what is too large for a message. Only who reads the service's private
 * description knows port and token; others are refused before the handlers see anything, browsers among them.
 * @param options.upgrade takes upgrades; without it they are refused
 * @param options.host where the gateway of this deployment can reach it
 */
export async function startListener(
  handler: HttpHandler,
  options: { readonly upgrade?: UpgradeHandler | undefined; readonly host?: string } = {},
): Promise<Listener> {
  const { upgrade, host = "127.0.0.1" } = options;
  const token = randomBytes(32).toString("base64url");
  const expected = Buffer.from(`Bearer ${token}`);
  const isKnown = ({ headers }: IncomingMessage): boolean => {
    const given = Buffer.from(headers.authorization ?? "");
    return given.length === expected.length && timingSafeEqual(given, expected);
  };
  const server = createServer((request, response) => {
    if (isKnown(request)) return handler(request, response);
    response.writeHead(401, { "content-type": "text/plain" }).end("a token is needed\n");
  });
  server.on("connection", (socket) => socket.setNoDelay(true));
  const upgraded = new Set<Duplex>();
  server.on("upgrade", (request, socket, head) => {
    // Until somebody takes it over nobody else listens to what the socket meets.
    const ignore = (): void => void socket.destroy();
    socket.on("error", ignore);
    if (!isKnown(request)) return refuse(socket, "401 Unauthorized", "a token is needed");
    if (!upgrade) return refuse(socket, "404 Not Found", "nothing is upgraded here");
    upgraded.add(socket);
    socket.on("close", () => upgraded.delete(socket));
    upgrade.upgrade(request, socket, head);
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(0, host, resolve);
  });
  const { port } = server.address() as AddressInfo;
  const url = `http://${host.includes(":") ? `[${host}]` : host}:${port}`;
  return {
    address: { url, token },
    close: async () => {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      await upgrade?.stop?.();
      for (const socket of upgraded) socket.destroy();
      server.closeAllConnections();
      await closed;
    },
  };
}

/** Answers an upgrade with a refusal and ends the connection. */
export function refuse(socket: Duplex, status: string, sentence: string): void {
  if (socket.destroyed) return;
  const body = `${sentence}\n`;
  socket.end(
    [
      `HTTP/1.1 ${status}`,
      "content-type: text/plain; charset=utf-8",
      `content-length: ${Buffer.byteLength(body)}`,
      "connection: close",
      "",
      body,
    ].join("\r\n"),
  );
}
