const CR = 0x0d;
const LF = 0x0a;
const BACKSPACE = 0x08;
const DELETE = 0x7f;
const INTERRUPT = 0x03;
const END = 0x04;
const ESCAPE = 0x1b;
const KILL_LINE = 0x15;
const MAX_CHARACTERS = 500;

export interface LinePromptOptions {
  /** Echoes to the terminal. */
  readonly show: (bytes: Uint8Array) => void;
  /** A password: nothing of it is shown. @default false */
  readonly hidden?: boolean;
  /** One key is the whole answer. @default false */
  readonly single?: boolean;
  /** ESC gives up, too; where a cursor key shall not, it is left out. @default false */
  readonly escapable?: boolean;
}

/** A line that is whole; undefined: it was given up. With how many of the bytes belong to it. */
export interface PromptEnd {
  readonly line: string | undefined;
  readonly taken: number;
}

/**
 * One line typed at Outrider itself, at a terminal that echoes nothing: Enter ends it, Backspace and Ctrl-U mend it,
 * Ctrl-C and Ctrl-D give up. Controls and what is beyond {@link MAX_CHARACTERS} are not taken.
 */
export class LinePrompt {
  #characters: string[] = [];
  /** Of a character of several bytes. */
  #begun: number[] = [];

  constructor(private readonly options: LinePromptOptions) {}

  /** @returns undefined: it goes on, all were taken */
  take(bytes: Uint8Array): PromptEnd | undefined {
    for (const [at, byte] of bytes.entries()) {
      const taken = at + 1;
      switch (byte) {
        case CR:
        case LF:
          // Enter can be both.
          return this.#end(this.#line, byte === CR && bytes[taken] === LF ? taken + 1 : taken);
        case INTERRUPT:
        case END:
          return this.#end(undefined, taken);
        case BACKSPACE:
        case DELETE:
          this.#erase(1);
          break;
        case KILL_LINE:
          this.#erase(this.#characters.length);
          break;
        default:
          if (byte === ESCAPE && this.options.escapable) return this.#end(undefined, taken);
          if (this.#put(byte) && this.options.single) return this.#end(this.#line, taken);
      }
    }
    return undefined;
  }

  /** Nobody answers it any more. */
  giveUp(): void {
    this.#echo("\r\n");
  }

  get #line(): string {
    return this.#characters.join("");
  }

  #end(line: string | undefined, taken: number): PromptEnd {
    this.#echo("\r\n");
    return { line, taken };
  }

  /** @returns whether that made a character. Controls make none, those of eight bits (U+0080 to U+009F) neither. */
  #put(byte: number): boolean {
    if (byte < 0x80 || byte >= 0xc0) this.#begun = [byte];
    else if (this.#begun.length > 0) this.#begun.push(byte);
    const [lead = 0] = this.#begun;
    const length = lead < 0x80 ? 1 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
    if (this.#begun.length < length) return false;
    const character = Buffer.from(this.#begun).toString("utf8");
    this.#begun = [];
    if (/[\p{Cc}\ufffd]/u.test(character) || this.#characters.length >= MAX_CHARACTERS)
      return false;
    this.#characters.push(character);
    if (!this.options.hidden) this.#echo(character);
    return true;
  }

  #erase(characters: number): void {
    for (let left = characters; left > 0 && this.#characters.length > 0; left--) {
      this.#characters.pop();
      if (!this.options.hidden) this.#echo("\b \b");
    }
  }

  #echo(text: string): void {
    this.options.show(Buffer.from(text));
  }
}
