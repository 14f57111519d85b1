import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** A directory of its own under a short path, as unix sockets need. */
export function socketDir(): Disposable & { readonly path: string } {
  const path = mkdtempSync(join(tmpdir(), "ot-"));
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }) };
}

export interface Peer extends AsyncDisposable {
  readonly path: string;
  /** How many connections there have been. */
  connections(): number;
  /** Everything that was received, on all connections. */
  received(): string;
  /** Resolves once this has been received. */
  receives(text: string): Promise<void>;
}

/** A unix socket whose other side does what the test says with each connection (counted from 1). */
export async function peer(
  onConnection: (socket: Socket, nth: number) => void,
  onText: (socket: Socket, text: string, nth: number) => void = () => {},
): Promise<Peer> {
  const dir = socketDir();
  const path = join(dir.path, "s");
  const sockets = new Set<Socket>();
  const looking = new Set<() => void>();
  let received = "";
  let connections = 0;
  const server = createServer((socket) => {
    const nth = ++connections;
    sockets.add(socket);
    // What a client does to a connection that it gives up is no failure of the peer.
    socket.on("error", () => {});
    socket.setEncoding("utf8");
    socket.on("data", (text: string) => {
      received += text;
      for (const look of looking) look();
      onText(socket, text, nth);
    });
    onConnection(socket, nth);
  });
  server.listen(path);
  await once(server, "listening");
  return {
    path,
    connections: () => connections,
    received: () => received,
    receives: (text) =>
      new Promise((resolve) => {
        const look = (): void => {
          if (!received.includes(text)) return;
          looking.delete(look);
          resolve();
        };
        looking.add(look);
        look();
      }),
    [Symbol.asyncDispose]: async () => {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
      dir[Symbol.dispose]();
    },
  };
}
