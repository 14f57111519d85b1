const CR = 13;
const LF = 10;
const BACKSPACE = 8;
const DELETE = 127;
const INTERRUPT = 3;
const END = 4;
const KILL_LINE = 21;
const MAX_BYTES = 256;

export interface LinePromptOptions {
  /** Shows what is typed; false for a password. */
  readonly echo: boolean;
  readonly write: (bytes: Uint8Array) => void;
}

/**
 * One line typed at a terminal that echoes nothing itself: Enter ends it, Backspace and Ctrl-U mend it, Ctrl-C and Ctrl-D
 * give up. Controls and what is beyond {@link MAX_BYTES} are not taken.
 */
export class LinePrompt {
  readonly #options: LinePromptOptions;
  #bytes: number[] = [];

  constructor(options: LinePromptOptions) {
    this.#options = options;
  }

  /** @returns the line or `gave-up` with how many of the bytes it took; undefined: it goes on, all were taken */
  take(
    bytes: Uint8Array,
  ):
    | { readonly line: string; readonly taken: number }
    | { readonly line: undefined; readonly taken: number }
    | undefined {
    for (let at = 0; at < bytes.length; at++) {
      const byte = bytes[at] ?? 0;
      switch (byte) {
        case CR:
        case LF:
          this.#echo("\r\n");
          return { line: Buffer.from(this.#bytes).toString("utf8"), taken: at + 1 };
        case INTERRUPT:
        case END:
          return { line: undefined, taken: at + 1 };
        case BACKSPACE:
        case DELETE:
          this.#erase(1);
          break;
        case KILL_LINE:
          this.#erase(this.#bytes.length);
          break;
        default:
          if (byte < 32 || this.#bytes.length >= MAX_BYTES) break;
          this.#bytes.push(byte);
          if (this.#options.echo) this.#options.write(Uint8Array.of(byte));
      }
    }
    return undefined;
  }

  /** A character of several bytes is one on the screen. */
  #erase(characters: number): void {
    for (let left = characters; left > 0 && this.#bytes.length > 0; left--) {
      let byte = this.#bytes.pop() ?? 0;
      while (byte >= 0x80 && byte < 0xc0) byte = this.#bytes.pop() ?? 0;
      if (this.#options.echo) this.#echo("\b \b");
    }
  }

  #echo(text: string): void {
    this.#options.write(Buffer.from(text));
  }
}
