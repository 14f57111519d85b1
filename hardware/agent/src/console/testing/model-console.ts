import type { ConsoleLink, ConsoleListener, ConsolePort } from "@outrider/ports/console-port";
import { PortError } from "@outrider/ports/port-error";
import type { Duration } from "@outrider/contracts/clock";

/** A console in memory that can send a break, for tests with virtual time: what it was told, and how it fails. */
export class ModelConsole implements ConsolePort {
  /** Writes as text, breaks as `<break>`. */
  readonly told: string[] = [];
  listener: ConsoleListener | undefined;
  /** The next things that it is told fail so. */
  fails: PortError[] = [];
  /** Takes what it is told and never answers. */
  silent = false;
  closed = 0;

  start(listener: ConsoleListener): void {
    this.listener = listener;
    this.link({ up: true });
  }

  link(link: ConsoleLink): void {
    this.listener?.link(link);
  }

  say(text: string): void {
    this.listener?.bytes(Buffer.from(text));
  }

  async write(bytes: Uint8Array): Promise<void> {
    await this.#take(Buffer.from(bytes).toString());
  }

  async sendBreak(_duration: Duration): Promise<void> {
    await this.#take("<break>");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.closed += 1;
  }

  async #take(what: string): Promise<void> {
    const failure = this.fails.shift();
    if (failure) throw failure;
    this.told.push(what);
    if (this.silent) await new Promise(() => {});
  }
}
