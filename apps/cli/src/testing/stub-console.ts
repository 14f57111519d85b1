import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import type { ConsoleTold } from "@outrider/contracts/console-attach";
import { WebSocketServer, type WebSocket } from "ws";

/** Somebody who has attached. */
export interface AtConsole {
  readonly client: WebSocket;
  readonly query: URLSearchParams;
  readonly path: string;
  /** Bytes that were typed. */
  typed(): string;
  /** What was asked. */
  readonly asks: Readonly<Record<string, unknown>>[];
  tell(told: ConsoleTold): void;
}

/** A gateway that has the WebSocket of a console and nothing else. */
export interface StubConsole extends AsyncDisposable {
  readonly url: string;
  readonly attached: readonly AtConsole[];
}

/** @param come is told of each who comes */
export async function startStubConsole(
  come: (at: AtConsole) => void = ({ tell }) => tell({ told: "attached", writes: true }),
): Promise<StubConsole> {
  const attached: AtConsole[] = [];
  const server = createServer();
  const sockets = new WebSocketServer({ server, handleProtocols: () => "outrider.v1" });
  sockets.on("connection", (client, request) => {
    const { pathname, searchParams } = new URL(request.url ?? "/", "http://stub");
    const typed: Buffer[] = [];
    const asks: Record<string, unknown>[] = [];
    client.on("message", (data: Buffer, isBinary) => {
      if (isBinary) typed.push(data);
      else asks.push(JSON.parse(data.toString()) as Record<string, unknown>);
    });
    const at: AtConsole = {
      client,
      path: pathname,
      query: searchParams,
      typed: () => Buffer.concat(typed).toString("latin1"),
      asks,
      tell: (told) => client.send(JSON.stringify(told)),
    };
    attached.push(at);
    come(at);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    attached,
    [Symbol.asyncDispose]: async () => {
      for (const client of sockets.clients) client.terminate();
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };
}
