import { once } from "node:events";
import { connect, createServer, type AddressInfo, type Socket } from "node:net";

/** `before`: COMMIT does not reach the server; `after`: it does, and its reply does not come back. */
export type Cut = "before" | "after";

/** A TCP proxy to a PostgreSQL server that cuts the connection at its next COMMIT, when it is told to. */
export interface CommitCutter extends AsyncDisposable {
  readonly port: number;
  /** Cuts that have been made. */
  readonly cuts: number;
  arm(cut: Cut): void;
}

export async function startCommitCutter(target: number): Promise<CommitCutter> {
  let armed: Cut | undefined;
  let cuts = 0;
  const sockets = new Set<Socket>();
  const server = createServer((client) => {
    const upstream = connect(target, "127.0.0.1");
    let swallows = false;
    const end = (): void => {
      client.destroy();
      upstream.destroy();
    };
    for (const socket of [client, upstream]) {
      sockets.add(socket);
      socket.setNoDelay(true).on("error", end).on("close", end);
    }
    client.on("data", (bytes: Buffer) => {
      if (armed === undefined || !bytes.includes("COMMIT")) return void upstream.write(bytes);
      cuts += 1;
      swallows = armed === "after";
      armed = undefined;
      if (swallows) upstream.write(bytes);
      else end();
    });
    upstream.on("data", (bytes: Buffer) => {
      if (swallows) end();
      else client.write(bytes);
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    port: (server.address() as AddressInfo).port,
    get cuts() {
      return cuts;
    },
    arm: (cut) => (armed = cut),
    [Symbol.asyncDispose]: async () => {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
