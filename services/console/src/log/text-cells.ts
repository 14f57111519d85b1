/** A line of a terminal while it is being written: characters, and where the next one goes. */
export class TextCells {
  readonly #units: Uint16Array;
  readonly #view: Buffer;
  #length = 0;
  #column = 0;
  #isLatin = true;

  /** @param most how far the cursor can go; what is put there is the last that fits */
  constructor(readonly most: number) {
    this.#units = new Uint16Array(most + 2);
    this.#view = Buffer.from(this.#units.buffer);
  }

  get column(): number {
    return this.#column;
  }

  get isFull(): boolean {
    return this.#column >= this.most;
  }

  get isEmpty(): boolean {
    return this.#length === 0;
  }

  get text(): string {
    if (this.#length === 0) return "";
    if (this.#isLatin && this.#length <= 64) {
      return String.fromCharCode.apply(null, this.#units.subarray(0, this.#length) as never);
    }
    return this.#view.toString("utf16le", 0, this.#length * 2);
  }

  clear(): void {
    this.#length = 0;
    this.#column = 0;
    this.#isLatin = true;
  }

  moveTo(column: number): void {
    this.#column = Math.min(Math.max(column, 0), this.most - 1);
  }

  /** Deletes from the cursor to the end. */
  deleteRest(): void {
    this.#length = Math.min(this.#length, this.#column);
  }

  /** Deletes all and leaves the cursor where it is. */
  deleteAll(): void {
    this.#length = 0;
  }

  /** Writes a run of ASCII, no longer than there is room. */
  putAscii(buffer: Buffer, from: number, to: number): void {
    this.#pad();
    const units = this.#units;
    let column = this.#column;
    for (let at = from; at < to; at++) units[column++] = buffer[at] as number;
    this.#column = column;
    if (column > this.#length) this.#length = column;
  }

  putCodePoint(code: number): void {
    this.#pad();
    if (code > 0xff) this.#isLatin = false;
    if (code > 0xffff) {
      this.#units[this.#column++] = 0xd800 + ((code - 0x10000) >> 10);
      this.#units[this.#column++] = 0xdc00 + ((code - 0x10000) & 0x3ff);
    } else this.#units[this.#column++] = code;
    if (this.#column > this.#length) this.#length = this.#column;
  }

  /** What was jumped over is blank. */
  #pad(): void {
    if (this.#column <= this.#length) return;
    this.#units.fill(0x20, this.#length, this.#column);
    this.#length = this.#column;
  }
}
