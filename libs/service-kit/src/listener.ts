import { randomBytes, timingSafeEqual } from "node:crypto";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import type { ServiceListener } from "@outrider/contracts/service-plane";

/** Answers what was asked of a service's own listener. Whoever asks has shown its token. */
export type HttpHandler = (request: IncomingMessage, response: ServerResponse) => void;

export interface Listener {
  readonly address: ServiceListener;
  close(): Promise<void>;
}

/**
 * Listens on the loopback interface for what is too large for a message. Only who reads the service's private
 * description knows port and token; others are refused before the handler sees anything, browsers among them.
 * @param host where the gateway of this deployment can reach it
 */
export async function startListener(handler: HttpHandler, host = "127.0.0.1"): Promise<Listener> {
  const token = randomBytes(32).toString("base64url");
  const expected = Buffer.from(`Bearer ${token}`);
  const server = createServer((request, response) => {
    const given = Buffer.from(request.headers.authorization ?? "");
    if (given.length !== expected.length || !timingSafeEqual(given, expected)) {
      response.writeHead(401, { "content-type": "text/plain" }).end("a token is needed\n");
      return;
    }
    handler(request, response);
  });
  server.on("connection", (socket) => socket.setNoDelay(true));
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(0, host, resolve);
  });
  const { port } = server.address() as AddressInfo;
  const url = `http://${host.includes(":") ? `[${host}]` : host}:${port}`;
  return {
    address: { url, token },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
