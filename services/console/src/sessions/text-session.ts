import type { Clock } from "@outrider/contracts/clock";
import type { AttachMode, ConsoleTold } from "@outrider/contracts/console-attach";
import {
  AttachRefused,
  type Attachment,
  type ConsoleDoor,
  type Viewer,
  type Visitor,
} from "./attachment.js";

/** Where a text session shows itself: a terminal at the far end of a telnet, SSH or WebSocket connection. */
export interface TextOutput {
  /** @returns whether more may come at once */
  write(bytes: Uint8Array): boolean;
  /** Calls back, once, when more may come after `write` has returned false. */
  onDrain(callback: () => void): void;
  /** It is over, and why: a sentence for the person (which was already written) and a code for programs. Called once. */
  end(reason: string, code: string): void;
}

export interface TextSessionOptions {
  readonly door: ConsoleDoor;
  /** Undefined: a menu of the consoles that the visitor may see. */
  readonly node: string | undefined;
  readonly visitor: Visitor;
  readonly mode: AttachMode;
  /** Fits REPLAY_PATTERN. */
  readonly replay: string;
  /** Fits ESCAPE_PATTERN; `none`: nothing is interpreted. Conserver's is `^Ec`. */
  readonly escape: string;
  readonly output: TextOutput;
  readonly clock: Clock;
}

/**
 * One person at a terminal, at one console: what ssh, telnet and the command line share. Interprets the escape, shows
 * what is told as `[outrider: …]` lines, and hands everything else through.
 *
 * Begins at once; what goes wrong is written to the terminal and ends it.
 */
export class TextSession {
  readonly #options: TextSessionOptions;
  #attachment: Attachment | undefined;
  #closed = false;
  readonly #attaching: Promise<void>;

  constructor(options: TextSessionOptions) {
    this.#options = options;
    this.#attaching = this.#attach();
  }

  /** What the person typed. Resolves when more may be typed; never rejects. */
  async input(bytes: Uint8Array): Promise<void> {
    await this.#attaching;
    await this.#attachment?.input(bytes);
  }

  /** The client sent a break of its own (RFC 4335, telnet BRK). */
  breakReceived(): void {
    void this.#attaching.then(async () => this.#attachment?.ask({ ask: "break" }));
  }

  /** The client is gone. */
  closed(): void {
    if (this.#closed) return;
    this.#closed = true;
    void this.#attaching.then(() => this.#attachment?.detach());
  }

  async #attach(): Promise<void> {
    const { door, node, visitor, mode, replay, output } = this.#options;
    const viewer: Viewer = {
      bytes: (chunk) => output.write(chunk),
      onDrain: (callback) => output.onDrain(callback),
      told: (told) => this.#told(told),
    };
    try {
      this.#attachment = await door.attach(node ?? "", visitor, { mode, replay }, viewer);
    } catch (error) {
      if (!(error instanceof AttachRefused)) throw error;
      this.#end(error.message, error.code);
    }
  }

  #told({ told, text, code }: ConsoleTold): void {
    if (this.#closed) return;
    if (told === "bye") this.#end(text ?? "the console service ended this", code ?? "ended");
    else if (text !== undefined) this.#say(text);
  }

  #say(text: string): void {
    this.#options.output.write(Buffer.from(`\r\n[outrider: ${text}]\r\n`));
  }

  #end(reason: string, code: string): void {
    if (this.#closed) return;
    this.#say(reason);
    this.#closed = true;
    this.#options.output.end(reason, code);
  }
}
