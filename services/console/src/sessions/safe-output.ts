/** Bytes that terminals may be shown. */
export interface SafeBytes {
  /** For the one who types: their terminal may answer the host. */
  readonly writer: Buffer;
  /** For all others, and for replays: nothing in it makes a terminal type. The same buffer where there is no difference. */
  readonly viewers: Buffer;
}

/** Gathers what is shown, once for all as long as there is no difference. Keeps copies. */
export class SafeOutput {
  readonly #writer: Gathered;
  #viewers: Gathered | undefined;

  /** @param likelyBytes how much it will be, most likely */
  constructor(likelyBytes: number) {
    this.#writer = new Gathered(likelyBytes);
  }

  both(bytes: Buffer, from: number, to: number): void {
    if (from >= to) return;
    this.#writer.add(bytes, from, to);
    this.#viewers?.add(bytes, from, to);
  }

  bothByte(byte: number): void {
    this.#writer.addByte(byte);
    this.#viewers?.addByte(byte);
  }

  writerOnly(bytes: Buffer): void {
    this.#viewers ??= this.#writer.clone();
    this.#writer.add(bytes, 0, bytes.length);
  }

  apart(writer: Buffer | undefined, viewers: Buffer | undefined): void {
    if (writer === viewers) return writer && this.both(writer, 0, writer.length);
    this.#viewers ??= this.#writer.clone();
    if (writer) this.#writer.add(writer, 0, writer.length);
    if (viewers) this.#viewers.add(viewers, 0, viewers.length);
  }

  result(): SafeBytes {
    const writer = this.#writer.bytes;
    return { writer, viewers: this.#viewers?.bytes ?? writer };
  }
}

/** Bytes in one piece: garbage is thousands of tiny pieces, and each would cost more as a buffer than as bytes. */
class Gathered {
  #room: Buffer;
  #length = 0;

  constructor(likelyBytes: number) {
    this.#room = Buffer.allocUnsafe(likelyBytes);
  }

  get bytes(): Buffer {
    return this.#room.subarray(0, this.#length);
  }

  add(bytes: Buffer, from: number, to: number): void {
    this.#makeRoom(to - from);
    if (to - from > 16) bytes.copy(this.#room, this.#length, from, to);
    else {
      for (let at = from; at < to; at += 1) {
        this.#room[this.#length + at - from] = bytes[at] as number;
      }
    }
    this.#length += to - from;
  }

  addByte(byte: number): void {
    this.#makeRoom(1);
    this.#room[this.#length] = byte;
    this.#length += 1;
  }

  clone(): Gathered {
    const twin = new Gathered(this.#room.length);
    twin.add(this.#room, 0, this.#length);
    return twin;
  }

  #makeRoom(bytes: number): void {
    if (this.#length + bytes <= this.#room.length) return;
    const more = Buffer.allocUnsafe(2 * (this.#length + bytes));
    this.#room.copy(more, 0, 0, this.#length);
    this.#room = more;
  }
}
