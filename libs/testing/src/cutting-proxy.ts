import { connect, createServer, type AddressInfo, type Server, type Socket } from "node:net";
import { systemClock, milliseconds } from "@outrider/contracts/clock";

/** `up`: from the client to the server; `down`: back. */
export type Direction = "up" | "down" | "both";

/** A TCP proxy that does to connections what networks do. */
export interface CuttingProxy extends AsyncDisposable {
  readonly port: number;
  readonly url: string;
  /** Connections that are open now. */
  readonly open: number;
  /** Bytes that black holes have eaten so far. */
  readonly swallowedBytes: number;
  /** Refuses new connections and ends the open ones without a word, as a pulled cable does in the end. */
  cut(): void;
  /** Resets the open connections (RST); new ones are accepted. */
  reset(): void;
  /** Swallows the bytes of one direction or both: connections stay open, and nothing arrives. */
  blackhole(direction: Direction): void;
  /** Holds the bytes of one direction or both back, to hand them over at {@link heal}. */
  hold(direction: Direction): void;
  /** Passes so few bytes a second of each direction of each connection, as a bad line does; whoever sends has to wait. */
  trickle(bytesPerSecond: number): void;
  /** Every chunk of either direction arrives this much later, in order. */
  delay(ms: number): void;
  /** All is well again. What was swallowed stays lost; a connection that lost bytes is reset, as TCP would. */
  heal(): void;
  close(): Promise<void>;
}

type Way = "up" | "down";

interface Pipe {
  readonly client: Socket;
  readonly server: Socket;
  lost: boolean;
  /** What waits to be handed over. What trickles has a sender that waits for it. */
  readonly held: Held[];
}

interface Held {
  readonly from: Socket;
  readonly to: Socket;
  chunk: Buffer;
}

const TRICKLE_EVERY = milliseconds(50);

/**
 * @param targetPort where the server listens on the loopback interface
 * @param tap is handed all that comes in, with the connection that it came from
 */
export async function startCuttingProxy(
  targetPort: number,
  tap?: (bytes: Buffer, from: object) => void,
): Promise<CuttingProxy> {
  const proxy = new Proxying(targetPort, tap);
  await proxy.listen();
  return proxy;
}

class Proxying implements CuttingProxy {
  readonly #target: number;
  readonly #server: Server;
  readonly #pipes = new Set<Pipe>();
  readonly #swallowed = new Set<Way>();
  readonly #withheld = new Set<Way>();
  readonly #closed = new AbortController();
  #isCut = false;
  #swallowedBytes = 0;
  #delayMs = 0;
  #stopTrickling: (() => void) | undefined;

  constructor(
    target: number,
    private readonly tap?: (bytes: Buffer, from: object) => void,
  ) {
    this.#target = target;
    this.#server = createServer({ noDelay: true }, (client) => this.#accept(client));
  }

  listen(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#server.once("error", reject);
      this.#server.listen(0, "127.0.0.1", resolve);
    });
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  get url(): string {
    return `mqtt://127.0.0.1:${this.port}`;
  }

  get open(): number {
    return this.#pipes.size;
  }

  get swallowedBytes(): number {
    return this.#swallowedBytes;
  }

  cut(): void {
    this.#isCut = true;
    for (const pipe of this.#pipes) end(pipe, "destroy");
  }

  reset(): void {
    for (const pipe of this.#pipes) end(pipe, "resetAndDestroy");
  }

  blackhole(direction: Direction): void {
    for (const way of waysOf(direction)) this.#swallowed.add(way);
  }

  hold(direction: Direction): void {
    for (const way of waysOf(direction)) this.#withheld.add(way);
  }

  delay(ms: number): void {
    this.#delayMs = ms;
  }

  trickle(bytesPerSecond: number): void {
    this.#stopTrickling?.();
    let owedBytes = 0;
    this.#stopTrickling = systemClock.every(TRICKLE_EVERY, () => {
      owedBytes += (bytesPerSecond * TRICKLE_EVERY) / 1000;
      const bytes = Math.floor(owedBytes);
      owedBytes -= bytes;
      if (bytes > 0) for (const pipe of this.#pipes) drip(pipe, bytes, this.#withheld);
    });
  }

  heal(): void {
    this.#stopTrickling?.();
    this.#stopTrickling = undefined;
    this.#isCut = false;
    this.#delayMs = 0;
    this.#swallowed.clear();
    this.#withheld.clear();
    for (const pipe of this.#pipes) {
      if (pipe.lost) end(pipe, "resetAndDestroy");
      else handOver(pipe);
    }
  }

  async close(): Promise<void> {
    this.#closed.abort();
    this.#stopTrickling?.();
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    this.cut();
    await closed;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #accept(client: Socket): void {
    if (this.#isCut) {
      client.resetAndDestroy();
      return;
    }
    const server = connect({ host: "127.0.0.1", port: this.#target, noDelay: true });
    const pipe: Pipe = { client, server, lost: false, held: [] };
    this.#pipes.add(pipe);
    this.#join(pipe, client, server, "up");
    this.#join(pipe, server, client, "down");
  }

  #join(pipe: Pipe, from: Socket, to: Socket, way: Way): void {
    from.on("data", (chunk: Buffer) => {
      this.tap?.(chunk, from);
      this.#pass(pipe, { from, to, chunk }, way);
    });
    from.on("error", () => undefined);
    from.on("close", () => {
      this.#pipes.delete(pipe);
      // A peer behind a swallowing network does not hear that the other one has gone.
      if (!this.#swallowed.has(way) && !this.#withheld.has(way)) to.destroy();
      else pipe.lost = true;
      if (!to.destroyed) this.#pipes.add(pipe);
    });
  }

  #pass(pipe: Pipe, held: Held, way: Way): void {
    if (this.#delayMs === 0) return this.#hand(pipe, held, way);
    systemClock.sleep(milliseconds(this.#delayMs), this.#closed.signal).then(
      () => this.#hand(pipe, held, way),
      () => undefined,
    );
  }

  #hand(pipe: Pipe, held: Held, way: Way): void {
    const { from, to, chunk } = held;
    if (this.#swallowed.has(way)) {
      pipe.lost = true;
      this.#swallowedBytes += chunk.length;
    } else if (this.#withheld.has(way)) pipe.held.push(held);
    else if (this.#stopTrickling) {
      from.pause();
      pipe.held.push(held);
    } else if (!to.destroyed) to.write(chunk);
  }
}

function waysOf(direction: Direction): readonly Way[] {
  return direction === "both" ? ["up", "down"] : [direction];
}

/** Hands so many bytes of each direction over; a sender of whom nothing is left may go on. */
function drip(pipe: Pipe, bytes: number, withheld: ReadonlySet<Way>): void {
  for (const way of ["up", "down"] as const) {
    if (withheld.has(way)) continue;
    const sender = way === "up" ? pipe.client : pipe.server;
    const next = pipe.held.find(({ from }) => from === sender);
    if (!next) continue;
    next.to.write(next.chunk.subarray(0, bytes));
    next.chunk = next.chunk.subarray(bytes);
    if (next.chunk.length > 0) continue;
    pipe.held.splice(pipe.held.indexOf(next), 1);
    if (!pipe.held.some(({ from }) => from === sender)) sender.resume();
  }
}

function handOver(pipe: Pipe): void {
  for (const { to, chunk } of pipe.held.splice(0)) to.write(chunk);
  pipe.client.resume();
  pipe.server.resume();
}

function end(pipe: Pipe, how: "destroy" | "resetAndDestroy"): void {
  pipe.client[how]();
  pipe.server[how]();
}
