import { once } from "node:events";
import { connect, type Socket } from "node:net";

/** Somebody at the raw TCP port of a console. */
export class RawClient implements Disposable {
  #chunks: Buffer[] = [];
  #length = 0;

  private constructor(readonly socket: Socket) {
    socket.on("data", (chunk: Buffer) => {
      this.#chunks.push(chunk);
      this.#length += chunk.length;
    });
    socket.on("error", () => socket.destroy());
  }

  static async open(port: number): Promise<RawClient> {
    const client = new RawClient(connect({ host: "127.0.0.1", port, noDelay: true }));
    await once(client.socket, "connect");
    return client;
  }

  /** All bytes so far. */
  get bytes(): Buffer {
    if (this.#chunks.length > 1) this.#chunks = [Buffer.concat(this.#chunks)];
    return this.#chunks[0] ?? Buffer.alloc(0);
  }

  get length(): number {
    return this.#length;
  }

  [Symbol.dispose](): void {
    this.socket.destroy();
  }
}
