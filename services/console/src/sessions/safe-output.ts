/** Bytes that terminals may be shown. */
export interface SafeBytes {
  /** For the one who types: their terminal may answer the host. */
  readonly writer: Buffer;
  /** For all others, and for replays: nothing in it makes a terminal type. The same buffer where there is no difference. */
  readonly viewers: Buffer;
}

/** Gathers what is shown, once for all as long as there is no difference. */
export class SafeOutput {
  readonly #writer: Buffer[] = [];
  #viewers: Buffer[] | undefined;

  both(bytes: Buffer, from: number, to: number): void {
    if (from >= to) return;
    // What is held is overwritten later.
    const part = to - from <= 4 ? Buffer.from(bytes.subarray(from, to)) : bytes.subarray(from, to);
    this.#writer.push(part);
    this.#viewers?.push(part);
  }

  writerOnly(bytes: Buffer): void {
    this.#viewers ??= [...this.#writer];
    this.#writer.push(Buffer.from(bytes));
  }

  apart(writer: Buffer | undefined, viewers: Buffer | undefined): void {
    if (writer === viewers) return writer && this.both(writer, 0, writer.length);
    this.#viewers ??= [...this.#writer];
    if (writer) this.#writer.push(writer);
    if (viewers) this.#viewers.push(viewers);
  }

  result(): SafeBytes {
    const writer = Buffer.concat(this.#writer);
    return { writer, viewers: this.#viewers ? Buffer.concat(this.#viewers) : writer };
  }
}
