import { createServer, type Server, type Socket } from "node:net";
import { knownBytes } from "@outrider/simulators/known-stream";

const STEP_MS = 5;
/** What a connection may hold that was not taken yet; then what comes is dropped, as by a UART. */
const ROOM_BYTES = 2_097_152;

/** Where a connection began, in the stream. */
export interface Connection {
  readonly offset: number;
}

interface Written {
  readonly offset: number;
  readonly atMicros: number;
}

/**
 * The far end of a console on a raw TCP port: sends a known stream as fast as a wire does, by the clock, whether or not
 * anybody reads, counts what it could not write, and keeps what it hears.
 */
export class FarEnd implements AsyncDisposable {
  readonly connections: Connection[] = [];
  /** What it could not write while somebody was connected. */
  droppedBytes = 0;
  heard = "";
  #offset = 0;
  #socket: Socket | undefined;
  readonly #written: Written[] = [];
  #timer: NodeJS.Timeout | undefined;

  private constructor(
    private readonly server: Server,
    private readonly seed: number,
    readonly port: number,
  ) {
    server.on("connection", (socket) => this.#meet(socket));
  }

  static async start(seed = 1): Promise<FarEnd> {
    const server = createServer({ noDelay: true });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const address = server.address();
    if (typeof address !== "object" || !address) throw new Error("no address");
    return new FarEnd(server, seed, address.port);
  }

  /** How far the stream has come, whether or not anybody took it. */
  get offset(): number {
    return this.#offset;
  }

  get connected(): boolean {
    return this.#socket !== undefined;
  }

  begin(bytesPerSecond: number): void {
    let lastMs = performance.now();
    this.#timer = setInterval(() => {
      const nowMs = performance.now();
      const length = Math.floor(((nowMs - lastMs) * bytesPerSecond) / 1000);
      lastMs += (length * 1000) / bytesPerSecond;
      this.#send(length);
    }, STEP_MS);
  }

  pause(): void {
    clearInterval(this.#timer);
  }

  /** Says something that is not of the stream. */
  say(text: string): void {
    this.#socket?.write(text);
  }

  /** Ends the connection that there is. */
  cut(): void {
    this.#socket?.destroy();
  }

  /** When the byte at an offset was written: microseconds since 1970. */
  writtenAt(offset: number): number {
    const after = this.#written.find((one) => one.offset > offset);
    return (after ?? this.#written.at(-1))?.atMicros ?? 0;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.pause();
    this.cut();
    await new Promise<void>((resolve) => this.server.close(() => resolve()));
  }

  #send(length: number): void {
    const socket = this.#socket;
    if (socket && socket.writableLength <= ROOM_BYTES) {
      socket.write(knownBytes(this.seed, this.#offset, length));
    } else if (socket) {
      this.droppedBytes += length;
    }
    this.#offset += length;
    this.#written.push({ offset: this.#offset, atMicros: Date.now() * 1000 });
  }

  #meet(socket: Socket): void {
    this.connections.push({ offset: this.#offset });
    this.#socket = socket;
    socket.on("data", (bytes) => void (this.heard += bytes.toString("latin1")));
    socket.on("error", () => {});
    socket.on("close", () => {
      if (this.#socket === socket) this.#socket = undefined;
    });
  }
}
