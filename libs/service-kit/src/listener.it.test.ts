import { once } from "node:events";
import { request } from "node:http";
import { connect, type Socket } from "node:net";
import type { Duplex } from "node:stream";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { startListener, type Listener, type UpgradeHandler } from "./listener.js";

/** What comes of a promise, or an error after ten seconds. */
async function bounded<T>(promise: Promise<T>): Promise<T> {
  const signal = AbortSignal.timeout(10_000);
  const late = new Promise<never>((_, reject) => {
    signal.addEventListener("abort", () => reject(signal.reason as Error), { once: true });
  });
  return Promise.race([promise, late]);
}

/** Sends everything back. */
class Echo implements UpgradeHandler {
  readonly sockets: Duplex[] = [];
  readonly asked: (string | undefined)[] = [];
  stopped = false;

  upgrade(asked: { url?: string | undefined }, socket: Duplex, head: Buffer): void {
    this.asked.push(asked.url);
    this.sockets.push(socket);
    socket.write(
      "HTTP/1.1 101 Switching Protocols\r\nupgrade: echo\r\nconnection: upgrade\r\n\r\n",
    );
    socket.write(head);
    socket.pipe(socket);
  }

  async stop(): Promise<void> {
    this.stopped = true;
    for (const socket of this.sockets) socket.write("bye");
  }
}

describe("a service’s own listener", () => {
  let stack: AsyncDisposableStack;
  let listener: Listener;
  let echo: Echo;

  beforeEach(async () => {
    stack = new AsyncDisposableStack();
    echo = new Echo();
    listener = await startListener((_, response) => response.end("page"), { upgrade: echo });
    stack.defer(() => listener.close());
  });
  afterEach(() => stack.disposeAsync());

  async function upgrade(
    token: string,
    at = listener,
  ): Promise<{ status: number; socket?: Socket }> {
    const asked = request(`${at.address.url}/there?x=1`, {
      headers: { authorization: `Bearer ${token}`, connection: "upgrade", upgrade: "echo" },
    });
    asked.end();
    return bounded(
      new Promise((resolve, reject) => {
        asked.once("upgrade", (response, socket) =>
          resolve({ status: response.statusCode ?? 0, socket }),
        );
        asked.once("response", (response) => {
          response.resume();
          resolve({ status: response.statusCode ?? 0 });
        });
        asked.once("error", reject);
      }),
    );
  }

  it("hands connections that are upgraded to the service, and cuts them when it closes", async () => {
    const { status, socket } = await upgrade(listener.address.token);
    expect(status).toBe(101);
    expect(echo.asked).toEqual(["/there?x=1"]);
    socket?.write("hello");
    const [heard] = (await bounded(once(socket as Socket, "data"))) as [Buffer];
    expect(heard.toString()).toBe("hello");
    const rest: Buffer[] = [];
    socket?.on("data", (chunk: Buffer) => rest.push(chunk));
    const closed = once(socket as Socket, "close");
    await bounded(listener.close());
    await bounded(closed);
    expect(echo.stopped).toBe(true);
    expect(echo.sockets[0]?.destroyed).toBe(true);
  });

  it("refuses an upgrade without its token before the service sees it (P14)", async () => {
    expect((await upgrade("x".repeat(43))).status).toBe(401);
    expect((await upgrade("")).status).toBe(401);
    expect(echo.asked).toEqual([]);
  });

  it("refuses upgrades where the service takes none", async () => {
    const plain = await startListener((_, response) => response.end("page"));
    stack.defer(() => plain.close());
    expect((await upgrade(plain.address.token, plain)).status).toBe(404);
  });

  it("survives a client that asks for an upgrade and is gone", async () => {
    const { port } = new URL(listener.address.url);
    const socket = connect(Number(port), "127.0.0.1");
    await bounded(once(socket, "connect"));
    socket.write("GET / HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\nupgrade: echo\r\n\r\n");
    socket.resetAndDestroy();
    expect((await upgrade(listener.address.token)).status).toBe(101);
  });
});
