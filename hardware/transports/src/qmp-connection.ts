import { connect, type Socket } from "node:net";
import { PortError } from "@outrider/ports/port-error";
import { connectionError } from "./connection-error.js";

/** Longer lines are no QMP that we ask for. */
const LINE_LIMIT = 1_048_576;

interface Waiting {
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: PortError) => void;
}

/** The parts of a QMP message that are looked at (QEMU, docs/interop/qmp-spec). */
interface Message {
  readonly QMP?: unknown;
  readonly event?: string;
  readonly id?: unknown;
  readonly return?: unknown;
  readonly error?: { readonly class?: string; readonly desc?: string };
}

/** One connection to a QMP socket, past its greeting. When it ends, it is not used again. */
export class QmpConnection implements Disposable {
  /** Resolves when the connection has ended, for whatever reason. */
  readonly closed: Promise<void>;
  readonly #waiting = new Map<number, Waiting>();
  readonly #greeted: Promise<void>;
  #greet: Waiting | undefined;
  #nextId = 1;
  #line = "";
  #ended: PortError | undefined;

  private constructor(
    private readonly socket: Socket,
    private readonly what: string,
    private readonly onEvent: (event: string) => void,
  ) {
    this.#greeted = new Promise((resolve, reject) => {
      this.#greet = { resolve: () => resolve(), reject };
    });
    this.closed = new Promise((resolve) => socket.once("close", () => resolve()));
    socket.setEncoding("utf8");
    socket.on("data", (text: string) => this.#read(text));
    socket.on("error", (error) => this.#end(connectionError(what, error)));
    socket.on("close", () => {
      const cause = new Error("the other side closed the connection");
      this.#end(connectionError(what, cause));
    });
  }

  /**
   * Connects, waits for the greeting and leaves the negotiation mode.
   * @throws PortError `unreachable`, also when the socket is served but closed at once (supply off), or `protocol`
   */
  static async open(
    path: string,
    what: string,
    onEvent: (event: string) => void,
    signal: AbortSignal,
  ): Promise<QmpConnection> {
    signal.throwIfAborted();
    const connection = new QmpConnection(connect(path), what, onEvent);
    const giveUp = (): void => connection[Symbol.dispose]();
    signal.addEventListener("abort", giveUp, { once: true });
    try {
      await connection.#greeted;
      await connection.execute("qmp_capabilities");
      return connection;
    } catch (error) {
      giveUp();
      throw error;
    } finally {
      signal.removeEventListener("abort", giveUp);
    }
  }

  /** Whether commands can still be sent. */
  get usable(): boolean {
    return this.#ended === undefined;
  }

  /**
   * @returns what QEMU returned
   * @throws PortError `refused` or `unsupported` as QEMU answers, `unreachable` when the connection ends first
   */
  execute(command: string, args?: object): Promise<unknown> {
    if (this.#ended) return Promise.reject(this.#ended);
    const id = this.#nextId++;
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject });
      this.socket.write(
        `${JSON.stringify({ execute: command, ...(args === undefined ? {} : { arguments: args }), id })}\n`,
      );
    });
  }

  [Symbol.dispose](): void {
    this.socket.destroy();
  }

  #read(text: string): void {
    this.#line += text;
    for (let end = this.#line.indexOf("\n"); end >= 0; end = this.#line.indexOf("\n")) {
      const line = this.#line.slice(0, end).trim();
      this.#line = this.#line.slice(end + 1);
      if (line !== "" && this.usable) this.#take(line);
    }
    if (this.#line.length > LINE_LIMIT) this.#refuse();
  }

  #take(line: string): void {
    let message: Message | null;
    try {
      message = JSON.parse(line) as Message | null;
    } catch {
      return this.#refuse();
    }
    if (typeof message !== "object" || message === null) return this.#refuse();
    if (message.QMP !== undefined) return this.#greet?.resolve(undefined);
    if (typeof message.event === "string") return this.onEvent(message.event);
    const waiting = this.#waiting.get(message.id as number);
    // An answer without a question of ours: the two sides no longer agree about what is answered.
    if (!waiting) return this.#refuse();
    this.#waiting.delete(message.id as number);
    if (message.error) waiting.reject(this.#errorOf(message.error));
    else waiting.resolve(message.return);
  }

  #errorOf({ class: kind, desc }: NonNullable<Message["error"]>): PortError {
    const words = String(desc).slice(0, 500);
    return kind === "CommandNotFound"
      ? new PortError("unsupported", `${this.what} cannot do this: ${words}`)
      : new PortError("refused", `${this.what} refused: ${words}`);
  }

  #refuse(): void {
    const advice = "Check that the path is the QMP socket of the slot.";
    this.#end(new PortError("protocol", `${this.what} does not speak QMP. ${advice}`));
    this.socket.destroy();
  }

  #end(error: PortError): void {
    if (this.#ended) return;
    this.#ended = error;
    this.#greet?.reject(error);
    for (const { reject } of this.#waiting.values()) reject(error);
    this.#waiting.clear();
  }
}
