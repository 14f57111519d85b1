import type { ConsoleLine } from "./console-line.js";
import type { ConsoleRequest } from "./console-stream.js";
import type { FairQueue } from "./fair-queue.js";
import { FRAME, jsonFrame, numbersFrame } from "./frame.js";
import { IncomingQueue } from "./incoming-queue.js";
import { OutgoingConsole } from "./outgoing-console.js";

/** One console of the agent on one connection: what it says, what it is sent. */
export class AnnouncedConsole implements Disposable {
  readonly #outgoing: OutgoingConsole;
  readonly #incoming: IncomingQueue;
  readonly #subscription: Disposable;

  constructor(
    readonly console: number,
    readonly line: ConsoleLine,
    queue: FairQueue,
    private readonly send: (frame: Buffer) => void,
    sendLater: (frame: Buffer) => void,
    isBehind: () => boolean,
    failed: (error: unknown) => void,
  ) {
    this.#outgoing = new OutgoingConsole(console, line, (one) => queue.offer(one), failed);
    this.#incoming = new IncomingQueue(line, isBehind, {
      taken: (id) => sendLater(numbersFrame(FRAME.done, [4, console], [4, id])),
      done: (id) => send(numbersFrame(FRAME.done, [4, console], [4, id])),
      failed: (id, code, message) => send(jsonFrame(FRAME.failed, { console, id, code, message })),
    });
    this.#subscription = line.onCondition((condition) =>
      send(jsonFrame(FRAME.condition, { console, condition })),
    );
  }

  announce(): void {
    const { address, source } = this.line;
    this.send(
      jsonFrame(FRAME.announce, {
        console: this.console,
        endpoint: address.endpoint,
        node: address.node,
        driver: address.driver,
        stream: source.stream,
        first: source.first,
        next: source.next,
        began: source.began,
        condition: this.line.condition(),
      }),
    );
  }

  /** @param from undefined: from the first there is */
  resume(from: number | undefined, creditBytes: number): void {
    if (this.#outgoing.started) return;
    const { source } = this.line;
    // A spool that was put back from a copy would use numbers again, and the service drop what bears them.
    if (from !== undefined && from > source.next) source.skipTo?.(from);
    this.#outgoing.start(from ?? 0, creditBytes);
  }

  credit(bytes: number): void {
    this.#outgoing.credit(bytes);
  }

  write(id: number, bytes: Buffer): void {
    this.#incoming.write(id, bytes);
  }

  request(id: number, request: ConsoleRequest): void {
    this.#incoming.request(id, request);
  }

  cancel(id: number): void {
    this.#incoming.cancel(id);
  }

  /** What was held back because it may have been taken back by now goes to the device. */
  goOn(): void {
    this.#incoming.goOn();
  }

  [Symbol.dispose](): void {
    this.#subscription[Symbol.dispose]();
    this.#outgoing.stop();
    this.#incoming.stop();
  }
}
