/** A line that somebody types at Outrider itself: shown as it is typed, mended with backspace. */
export class LinePrompt {
  #text = "";
  /** Whether the last byte was a carriage return: a line feed after it ends no further line. */
  #afterCr = false;

  /**
   * @param show echoes to the terminal
   * @param single whether one key is the whole answer
   * @param answer called with the line; undefined: it was given up with ^C, ^D or ESC
   */
  constructor(
    private readonly show: (text: string) => void,
    private readonly single: boolean,
    private readonly answer: (text: string | undefined) => void,
  ) {}

  /** @returns whether this was the last byte of the answer */
  take(byte: number): boolean {
    if (byte === 0x03 || byte === 0x04 || byte === 0x1b) return this.#end(undefined);
    if (byte === 0x0a && this.#afterCr) {
      this.#afterCr = false;
      return false;
    }
    this.#afterCr = byte === 0x0d;
    if (byte === 0x0d || byte === 0x0a) return this.#end(this.#text);
    if (byte === 0x7f || byte === 0x08) {
      if (this.#text !== "") this.show("\b \b");
      this.#text = this.#text.slice(0, -1);
      return false;
    }
    // Names, numbers and short messages: nothing that could move the cursor.
    if (byte < 0x20 || byte > 0x7e || this.#text.length >= 500) return false;
    const key = String.fromCharCode(byte);
    this.show(key);
    this.#text += key;
    return this.single ? this.#end(this.#text) : false;
  }

  /** Nobody answers it any more. */
  giveUp(): void {
    this.#end(undefined);
  }

  #end(text: string | undefined): true {
    this.show("\r\n");
    this.answer(text);
    return true;
  }
}
