import { appendFileSync } from "node:fs";
import { createServer, type Server } from "node:net";
import { join } from "node:path";
import type { Duplex } from "node:stream";
import type { ConsoleCounts } from "./slot-api.js";

/** What a reader may be behind before bytes are lost to it, as in a UART that nobody empties. */
const OVERRUN_BYTES = 4 * 1_048_576;

/** The machine's end of a line. */
export interface LineEnd {
  /** Takes what was typed. @returns false where it takes no more until {@link UartLine.resume} */
  input(bytes: Buffer): boolean;
}

export interface UartLineOptions {
  /** Keeps all that the machine ever said, whoever listened. */
  readonly logFile?: string | undefined;
  /** Keeps all that was ever typed to it. */
  readonly typedFile?: string | undefined;
  readonly onOutput?: () => void;
  /** Of what the machine has said before anybody first listened, the last so many bytes are kept for them. @default 0 */
  readonly heldBytes?: number;
}

/** Where a slot's console is kept, byte by byte. */
export function consoleFiles(dir: string, slot: number): UartLineOptions {
  return {
    logFile: join(dir, `slot-${slot}.console.log`),
    typedFile: join(dir, `slot-${slot}.typed.log`),
  };
}

/**
 * The serial line of a slot. It is there whether the machine is or not: connection and log survive power
 * cycles, bytes sent to a dead machine are lost. One client at a time, as on a wire. A client of the socket that comes
 * second is connected, and neither read from nor written to until the first has left. The machine never waits for a
 * client: what one does not take in time is dropped and counted.
 */
export class UartLine {
  #server: Server | undefined;
  #client: Duplex | undefined;
  readonly #waiting: Duplex[] = [];
  #machine: LineEnd | undefined;
  #sent = 0;
  #dropped = 0;
  #unheard = 0;
  #received = 0;
  #breaks = 0;
  /** Said before anybody ever listened. */
  #held: Buffer | undefined = Buffer.alloc(0);

  constructor(private readonly options: UartLineOptions = {}) {}

  /** Serves the line on a socket of its own, where somebody lets it listen. */
  get server(): Server {
    this.#server ??= createServer((socket) => this.#accept(socket));
    return this.#server;
  }

  /** Whether a client has the line. */
  get taken(): boolean {
    return this.#client !== undefined;
  }

  get counts(): ConsoleCounts {
    return {
      sent: this.#sent,
      dropped: this.#dropped,
      unheard: this.#unheard,
      received: this.#received,
      breaks: this.#breaks,
      connected: this.taken,
    };
  }

  /** Wires a machine to the line, or none. */
  connect(machine: LineEnd | undefined): void {
    this.#machine = machine;
    this.resume();
  }

  /** Wires a machine that is a stream to the line until the stream ends. */
  attach(machine: Duplex): void {
    const end: LineEnd = { input: (bytes) => !machine.writable || machine.write(bytes) };
    this.connect(end);
    machine.on("error", () => {});
    machine.on("data", (bytes: Buffer) => this.output(bytes));
    machine.on("drain", () => this.resume());
    machine.on("close", () => {
      if (this.#machine === end) this.connect(undefined);
    });
  }

  /** The machine says something. */
  output(bytes: Buffer): void {
    if (this.options.logFile !== undefined) appendFileSync(this.options.logFile, bytes);
    this.options.onOutput?.();
    this.#sent += bytes.length;
    const client = this.#client;
    if (!client) this.#hold(bytes);
    else if (client.writableLength >= OVERRUN_BYTES) this.#dropped += bytes.length;
    else client.write(bytes);
  }

  #hold(bytes: Buffer): void {
    const most = this.options.heldBytes ?? 0;
    const all = this.#held && most > 0 ? Buffer.concat([this.#held, bytes]) : undefined;
    if (!all) {
      this.#unheard += bytes.length;
      return;
    }
    this.#held = all.subarray(Math.max(0, all.length - most));
    this.#unheard += all.length - this.#held.length;
  }

  /** A break went to the machine. */
  broke(): void {
    this.#breaks += 1;
  }

  /** The machine takes input again. */
  resume(): void {
    this.#client?.resume();
  }

  /** Gives the line to a client. @returns whether it was free */
  take(client: Duplex): boolean {
    if (this.#client) return false;
    this.#serve(client);
    return true;
  }

  /** Closes all connections. */
  drop(): void {
    for (const socket of this.#waiting.splice(0)) socket.destroy();
    this.#client?.destroy();
  }

  #accept(socket: Duplex): void {
    socket.on("error", () => {});
    if (!this.#client) return this.#serve(socket);
    this.#waiting.push(socket);
    socket.once("close", () => {
      const place = this.#waiting.indexOf(socket);
      if (place >= 0) this.#waiting.splice(place, 1);
    });
  }

  #serve(client: Duplex): void {
    this.#client = client;
    client.on("error", () => {});
    if (this.#held && this.#held.length > 0) client.write(this.#held);
    this.#held = undefined;
    // A client that has said all it will say has hung up: nobody keeps a line that way.
    client.on("end", () => client.destroy());
    client.on("close", () => {
      this.#client = undefined;
      const next = this.#waiting.shift();
      if (next) this.#serve(next);
    });
    client.on("data", (bytes: Buffer) => {
      const machine = this.#machine;
      if (!machine) return;
      this.#received += bytes.length;
      const { typedFile } = this.options;
      if (typedFile !== undefined) appendFileSync(typedFile, bytes);
      if (!machine.input(bytes)) client.pause();
    });
  }
}
