const REPLACEMENT = 0xfffd;

/**
 * UTF-8 a byte at a time, with what is wrong replaced as the Encoding Standard says (utf-8 decoder): one U+FFFD for the
 * longest beginning of a character that cannot go on.
 */
export class Utf8Decoder {
  #needed = 0;
  #codePoint = 0;
  #lower = 0x80;
  #upper = 0xbf;

  /** Whether a character has begun. */
  get inside(): boolean {
    return this.#needed > 0;
  }

  reset(): void {
    this.#needed = 0;
    this.#lower = 0x80;
    this.#upper = 0xbf;
  }

  /**
   * Takes a byte from 0x80 on.
   * @returns the character that it completes, -1 when one goes on, -2 when the byte cannot go on with what has begun,
   * which is then given up for a U+FFFD: the byte is to be taken again
   */
  take(byte: number): number {
    if (this.#needed === 0) return this.#lead(byte);
    if (byte < this.#lower || byte > this.#upper) {
      this.reset();
      return -2;
    }
    this.#lower = 0x80;
    this.#upper = 0xbf;
    this.#codePoint = (this.#codePoint << 6) | (byte & 0x3f);
    this.#needed--;
    return this.#needed === 0 ? this.#codePoint : -1;
  }

  #lead(byte: number): number {
    if (byte >= 0xc2 && byte <= 0xdf) {
      this.#needed = 1;
      this.#codePoint = byte & 0x1f;
    } else if (byte >= 0xe0 && byte <= 0xef) {
      if (byte === 0xe0) this.#lower = 0xa0;
      if (byte === 0xed) this.#upper = 0x9f;
      this.#needed = 2;
      this.#codePoint = byte & 0x0f;
    } else if (byte >= 0xf0 && byte <= 0xf4) {
      if (byte === 0xf0) this.#lower = 0x90;
      if (byte === 0xf4) this.#upper = 0x8f;
      this.#needed = 3;
      this.#codePoint = byte & 0x07;
    } else return REPLACEMENT;
    return -1;
  }
}
