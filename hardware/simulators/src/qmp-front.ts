import { createServer, type Server, type Socket } from "node:net";
import { JsonSplitter } from "./json-splitter.js";
import { QmpError, type QmpEvent, type QmpGreeting } from "./qmp-monitor.js";
import type { Faults } from "./slot-api.js";

/** What the front needs of the slot behind it. */
export interface QmpBoard {
  /** The greeting of the running machine; undefined while the supply is off or not yet up. */
  greeting(): QmpGreeting | undefined;
  /** Runs one command as the board does: buttons and lines by the board, all else by QEMU. @throws QmpError */
  qmp(command: string, args: unknown): Promise<unknown>;
  faults(): Faults;
}

interface Client {
  readonly socket: Socket;
  negotiated: boolean;
  /** Ends when all earlier commands of this client are answered: QMP answers in order. */
  turn: Promise<void>;
}

/**
 * Serves QMP to any number of clients at once, from the one monitor QEMU has. Each client negotiates by itself,
 * keeps its own ids and gets every event. While the supply is off a connection is accepted and closed at once,
 * without a greeting; when the supply goes, all connections are closed.
 */
export class QmpFront {
  readonly server: Server;
  readonly #clients = new Set<Client>();

  constructor(private readonly board: QmpBoard) {
    this.server = createServer((socket) => this.#accept(socket));
  }

  broadcast(event: QmpEvent): void {
    if (this.board.faults().silent !== undefined && this.board.faults().silent !== false) return;
    for (const client of this.#clients) if (client.negotiated) send(client, event);
  }

  /** Closes every connection. */
  drop(): void {
    for (const { socket } of this.#clients) socket.destroy();
    this.#clients.clear();
  }

  #accept(socket: Socket): void {
    socket.on("error", () => {});
    const greeting = this.board.greeting();
    if (!greeting) {
      socket.destroy();
      return;
    }
    const client: Client = { socket, negotiated: false, turn: Promise.resolve() };
    const splitter = new JsonSplitter();
    this.#clients.add(client);
    socket.on("close", () => this.#clients.delete(client));
    socket.setEncoding("utf8");
    socket.on("data", (chunk: string) => {
      for (const text of cut(splitter, chunk, client)) {
        client.turn = client.turn.then(() => this.#answer(client, text));
      }
    });
    // Out-of-band execution is not offered: it would answer out of turn.
    if (this.board.faults().silent !== true)
      send(client, { QMP: { ...greeting.QMP, capabilities: [] } });
  }

  async #answer(client: Client, text: string): Promise<void> {
    const { silent } = this.board.faults();
    if (silent === true) return;
    const request = parse(text);
    const id = request && "id" in request ? { id: request["id"] } : {};
    try {
      const result = await this.#run(client, request);
      if (silent !== "after-acting") send(client, { return: result, ...id });
    } catch (error) {
      if (!(error instanceof QmpError)) throw error;
      if (silent !== "after-acting")
        send(client, { error: { class: error.qmpClass, desc: error.desc }, ...id });
    }
  }

  async #run(client: Client, request: Record<string, unknown> | undefined): Promise<unknown> {
    const command = request?.["execute"];
    if (typeof command !== "string")
      throw new QmpError("GenericError", "QMP input lacks member 'execute'");
    if (!client.negotiated) {
      if (command !== "qmp_capabilities") {
        throw new QmpError(
          "CommandNotFound",
          "Expecting capabilities negotiation with 'qmp_capabilities'",
        );
      }
      client.negotiated = true;
      return {};
    }
    if (command === "qmp_capabilities") {
      throw new QmpError(
        "CommandNotFound",
        "Capabilities negotiation is already complete, command ignored",
      );
    }
    return this.board.qmp(command, request?.["arguments"]);
  }
}

function cut(splitter: JsonSplitter, chunk: string, client: Client): string[] {
  try {
    return splitter.push(chunk);
  } catch {
    client.socket.destroy();
    return [];
  }
}

function parse(text: string): Record<string, unknown> | undefined {
  try {
    return JSON.parse(text) as Record<string, unknown>;
  } catch {
    return undefined;
  }
}

function send(client: Client, message: object): void {
  if (!client.socket.destroyed) client.socket.write(`${JSON.stringify(message)}\r\n`);
}
