import { appendFileSync } from "node:fs";
import { createServer, type Server, type Socket } from "node:net";
import type { Duplex } from "node:stream";

/** What a reader may be behind before bytes are lost to it, as in a UART that nobody empties. The log keeps them. */
const OVERRUN_BYTES = 4 * 1_048_576;

/**
 * The serial line of a slot. It is there whether the machine is or not: connection and log survive power
 * cycles, bytes sent to a dead machine are lost. One client at a time, as on a wire: a second one is connected,
 * and neither read from nor written to until the first has left.
 */
export class UartLine {
  readonly server: Server;
  #client: Socket | undefined;
  readonly #waiting: Socket[] = [];
  #machine: Duplex | undefined;

  constructor(
    private readonly logFile: string,
    private readonly onOutput: () => void,
  ) {
    this.server = createServer((socket) => this.#accept(socket));
  }

  /** Wires a machine to the line until its stream ends. */
  attach(machine: Duplex): void {
    this.#machine = machine;
    machine.on("error", () => {});
    machine.on("data", (bytes: Buffer) => {
      appendFileSync(this.logFile, bytes);
      this.onOutput();
      const client = this.#client;
      if (client && client.writableLength < OVERRUN_BYTES) client.write(bytes);
    });
    machine.on("drain", () => this.#client?.resume());
    machine.on("close", () => {
      if (this.#machine === machine) this.#machine = undefined;
      this.#client?.resume();
    });
  }

  /** Closes all connections. */
  drop(): void {
    for (const socket of this.#waiting.splice(0)) socket.destroy();
    this.#client?.destroy();
  }

  #accept(socket: Socket): void {
    socket.on("error", () => {});
    if (this.#client) this.#waiting.push(socket);
    else this.#serve(socket);
  }

  #serve(socket: Socket): void {
    this.#client = socket;
    socket.on("close", () => {
      this.#client = undefined;
      const next = this.#waiting.shift();
      if (next) this.#serve(next);
    });
    socket.on("data", (bytes: Buffer) => {
      const machine = this.#machine;
      if (machine?.writable === true && !machine.write(bytes)) socket.pause();
    });
  }
}
