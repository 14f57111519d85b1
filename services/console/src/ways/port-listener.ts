import { createServer, type AddressInfo, type Server, type Socket } from "node:net";
import { milliseconds, seconds, type Clock } from "@outrider/contracts/clock";
import { farAddress } from "./far-address.js";

export interface PortListenerOptions {
  readonly host: string;
  /** 0: any free one. */
  readonly port: number;
  readonly clock: Clock;
  /** Takes a connection over. TCP_NODELAY and keep-alive are set; an error of the socket only closes it. */
  readonly serve: (socket: Socket) => void;
  /** Told why it is not open, and undefined when it is. */
  readonly onProblem: (detail: string | undefined) => void;
  /** Whether this side stays open when the far end has said all; `serve` then ends it. Yes, if nothing is said. */
  readonly halfOpen?: boolean;
  readonly maxConnections?: number;
  readonly maxPerAddress?: number;
  /** How many may come at once from one address, before they are let in once a second only. */
  readonly burst?: number;
  /** Asked before a connection is taken, for a bound over many ports. */
  readonly hasRoom?: () => boolean;
}

const FIRST_RETRY_MS = 1000;
const LONGEST_RETRY_MS = 30_000;
/** As many as may look on at one console, and some. */
const MAX_CONNECTIONS = 128;
const MAX_PER_ADDRESS = 16;
/** Comings that are let in at once from one address, and how fast further ones are: each costs more than it looks. */
const BURST = 30;
const BURST_AGAIN_EVERY_MS = 1000;
/** Addresses that are remembered as having come too often. */
const MAX_REMEMBERED = 4096;
const KEEP_ALIVE_AFTER_MS = 60_000;
/** How long a far end to which all was said may take to close. */
const CLOSE_WITHIN = seconds(5);
const LAST_WORDS_WITHIN = milliseconds(500);

/** Listens on a TCP port, or keeps trying to until it is closed. */
export class PortListener {
  readonly #options: PortListenerOptions;
  readonly #sockets = new Map<Socket, string>();
  /** By address, in the order in which they came last. */
  readonly #paidUntilMs = new Map<string, number>();
  readonly #closing = new AbortController();
  #server: Server | undefined;
  #done: Promise<void> = Promise.resolve();

  constructor(options: PortListenerOptions) {
    this.#options = options;
  }

  /** Where it listens; undefined while it does not. */
  get address(): { readonly host: string; readonly port: number } | undefined {
    const address = this.#server?.address() as AddressInfo | null | undefined;
    return address ? { host: address.address, port: address.port } : undefined;
  }

  get connections(): number {
    return this.#sockets.size;
  }

  /** Resolves after the first try; what fails is a problem and tried again. */
  async open(): Promise<void> {
    if ((await this.#try()) || this.#closing.signal.aborted) return;
    this.#done = this.#retry();
  }

  /** Closes the port and every connection; what was written last is sent if that takes no longer than a moment. */
  async close(): Promise<void> {
    this.#closing.abort();
    const server = this.#server;
    this.#server = undefined;
    const closed = new Promise<void>((resolve) =>
      server ? server.close(() => resolve()) : resolve(),
    );
    for (const socket of this.#sockets.keys()) socket.end();
    const done = new AbortController();
    const late = this.#options.clock.sleep(LAST_WORDS_WITHIN, done.signal).catch(() => {});
    await Promise.race([closed, late]);
    done.abort();
    for (const socket of this.#sockets.keys()) socket.destroy();
    await Promise.all([closed, this.#done]);
  }

  async #retry(): Promise<void> {
    const { clock } = this.#options;
    for (let waitMs = FIRST_RETRY_MS; ; waitMs = Math.min(waitMs * 2, LONGEST_RETRY_MS)) {
      try {
        await clock.sleep(milliseconds(waitMs), this.#closing.signal);
      } catch {
        return;
      }
      if (await this.#try()) return;
    }
  }

  async #try(): Promise<boolean> {
    const { host, port, onProblem, halfOpen: allowHalfOpen = true } = this.#options;
    const server = createServer({ noDelay: true, allowHalfOpen }, (socket) => this.#take(socket));
    try {
      await new Promise<void>((resolve, reject) => {
        server.once("error", reject);
        server.listen({ host, port }, resolve);
      });
    } catch (error) {
      if (!this.#closing.signal.aborted) onProblem(sentenceFor(error, host, port));
      return false;
    }
    if (this.#closing.signal.aborted) {
      server.close();
      return true;
    }
    server.removeAllListeners("error");
    server.on("error", (error) => onProblem(sentenceFor(error, host, port)));
    this.#server = server;
    onProblem(undefined);
    return true;
  }

  /** As a bucket that is filled again in time. */
  #mayCome(from: string): boolean {
    const { burst = BURST, clock } = this.#options;
    const nowMs = clock.monotonicMs();
    const paidUntilMs =
      Math.max(nowMs, this.#paidUntilMs.get(from) ?? nowMs) + BURST_AGAIN_EVERY_MS;
    if (paidUntilMs - nowMs > burst * BURST_AGAIN_EVERY_MS) return false;
    this.#paidUntilMs.delete(from);
    this.#paidUntilMs.set(from, paidUntilMs);
    for (const [address, untilMs] of this.#paidUntilMs) {
      if (untilMs > nowMs && this.#paidUntilMs.size <= MAX_REMEMBERED) break;
      this.#paidUntilMs.delete(address);
    }
    return true;
  }

  #take(socket: Socket): void {
    // A reset is an end like any other.
    socket.on("error", () => socket.destroy());
    const from = farAddress(socket);
    const { maxConnections = MAX_CONNECTIONS, maxPerAddress = MAX_PER_ADDRESS } = this.#options;
    const alike = [...this.#sockets.values()].filter((one) => one === from).length;
    const hasRoom = (this.#options.hasRoom?.() ?? true) && this.#mayCome(from);
    if (!hasRoom || this.#sockets.size >= maxConnections || alike >= maxPerAddress) {
      socket.destroy();
      return;
    }
    this.#sockets.set(socket, from);
    const closed = new AbortController();
    socket.once("close", () => {
      this.#sockets.delete(socket);
      closed.abort();
    });
    socket.once("finish", () => {
      void this.#options.clock.sleep(CLOSE_WITHIN, closed.signal).then(
        () => socket.destroy(),
        () => {},
      );
    });
    // A far end that was switched off is noticed, however quiet the console is.
    socket.setKeepAlive(true, KEEP_ALIVE_AFTER_MS);
    this.#options.serve(socket);
  }
}

function sentenceFor(error: unknown, host: string, port: number): string {
  const code = (error as NodeJS.ErrnoException).code;
  const where = `${host} port ${port}`;
  switch (code) {
    case "EADDRINUSE":
      return `${where} is in use by another program; stop that one or declare another port. It is tried again`;
    case "EACCES":
      return `${where} may not be opened by this user; declare a port above 1023. It is tried again`;
    case "EADDRNOTAVAIL":
      return `${host} is no address of this host; it is tried again`;
    default:
      return `${where} cannot be opened: ${error instanceof Error ? error.message : String(error)}. It is tried again`;
  }
}
