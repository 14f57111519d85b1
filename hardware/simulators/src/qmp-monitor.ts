import type { Duplex } from "node:stream";
import { JsonSplitter } from "./json-splitter.js";

/** An error that QEMU answers, as the protocol has it: `{"class": …, "desc": …}`. */
export class QmpError extends Error {
  override readonly name = "QmpError";
  constructor(
    readonly qmpClass: string,
    readonly desc: string,
  ) {
    super(`${qmpClass}: ${desc}`);
  }
}

/** An event of QEMU, with whatever more it carries. */
export interface QmpEvent {
  readonly event: string;
  readonly data?: Readonly<Record<string, unknown>>;
}

export interface QmpGreeting {
  readonly QMP: { readonly version: unknown; readonly capabilities: readonly string[] };
}

interface Pending {
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: Error) => void;
}

/** The one real monitor of a QEMU: answers are matched to questions by id, events are handed on as they come. */
export class QmpMonitor {
  readonly #splitter = new JsonSplitter(16 * 1_048_576);
  readonly #pending = new Map<number, Pending>();
  readonly #greeted = Promise.withResolvers<QmpGreeting>();
  #nextId = 1;
  #closed = false;

  constructor(
    private readonly stream: Duplex,
    private readonly onEvent: (event: QmpEvent) => void,
  ) {
    stream.setEncoding("utf8");
    stream.on("data", (chunk: string) => {
      for (const text of this.#splitter.push(chunk))
        this.#take(JSON.parse(text) as Record<string, unknown>);
    });
    // The other end may vanish at any byte; its exit is told by the process.
    stream.on("error", () => {});
    stream.on("close", () => this.#close());
    this.#greeted.promise.catch(() => {});
  }

  /** Negotiates; commands are accepted afterwards. @throws QmpError `SupplyLost` when QEMU ends before */
  async open(): Promise<QmpGreeting> {
    const greeting = await this.#greeted.promise;
    await this.execute("qmp_capabilities");
    return greeting;
  }

  /** @throws QmpError QEMU's own, or `SupplyLost` when it ended before it answered */
  execute(command: string, args?: unknown): Promise<unknown> {
    if (this.#closed) return Promise.reject(supplyLost());
    return new Promise((resolve, reject) => {
      const id = this.#nextId++;
      this.#pending.set(id, { resolve, reject });
      this.stream.write(`${JSON.stringify({ execute: command, arguments: args, id })}\n`);
    });
  }

  #take(message: Record<string, unknown>): void {
    if ("QMP" in message) this.#greeted.resolve(message as unknown as QmpGreeting);
    else if ("event" in message) this.onEvent(message as unknown as QmpEvent);
    else {
      const pending = this.#pending.get(Number(message["id"]));
      this.#pending.delete(Number(message["id"]));
      const error = message["error"] as { class: string; desc: string } | undefined;
      if (error) pending?.reject(new QmpError(error.class, error.desc));
      else pending?.resolve(message["return"]);
    }
  }

  #close(): void {
    this.#closed = true;
    this.#greeted.reject(supplyLost());
    for (const { reject } of this.#pending.values()) reject(supplyLost());
    this.#pending.clear();
  }
}

function supplyLost(): QmpError {
  return new QmpError("SupplyLost", "The virtual machine ended before it answered.");
}
