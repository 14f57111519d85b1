import type { TextLine } from "./console-log.js";
import { EscapeSkipper, type ControlSequence } from "./escape-skipper.js";
import { TextCells } from "./text-cells.js";
import { Utf8Decoder } from "./utf8-decoder.js";

/** A line goes on in a further piece after so many characters, or so many bytes of which most were overwritten. */
export const PIECE_CHARACTERS = 4096;
export const PIECE_BYTES = 65_536;
/** A line that says nothing for longer, and then goes on, has two times. */
export const PAUSE_MICROS = 1_000_000;

const LF = 0x0a;
const CR = 0x0d;
const BS = 0x08;
const TAB = 0x09;
const ESC = 0x1b;

/**
 * Console bytes as lines of text, as a person would have read them: UTF-8 decoded, escape sequences removed, what was
 * overwritten by a carriage return or back space replaced. A line feed ends everything, an escape sequence too, so that
 * a line's text depends on the bytes of that line only and reading may begin at any line. The same bytes give the same
 * lines however they are cut into chunks.
 */
export class CleanText {
  #line: number;
  #pieceAt: number | undefined;
  #pieceMicros = 0;
  #wentOnMicros: number | undefined;
  #lastMicros = 0;
  #pieceBytes = 0;
  readonly #cells = new TextCells(PIECE_CHARACTERS);
  readonly #skipper = new EscapeSkipper();
  readonly #utf8 = new Utf8Decoder();

  /** @param start `line`: the number of the line that the first byte belongs to */
  constructor(
    start: { readonly line: number },
    readonly onLine: (line: TextLine) => void,
  ) {
    this.#line = start.line;
  }

  /** What stands on the line that is not ended. */
  get partial(): TextLine | undefined {
    return this.#pieceAt === undefined ? undefined : this.#piece(this.#pieceAt, false);
  }

  /** Number of the line that the next byte belongs to. */
  get line(): number {
    return this.#line;
  }

  /** @param position of the first byte */
  feed(bytes: Uint8Array, position: number, atMicros: number): void {
    const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    let at = 0;
    if (this.#pieceAt !== undefined && atMicros - this.#lastMicros > PAUSE_MICROS) {
      this.#wentOnMicros = atMicros;
    }
    this.#lastMicros = atMicros;
    while (at < buffer.length) {
      if (this.#pieceAt === undefined) {
        const end = this.#wholeLine(buffer, at, position, atMicros);
        if (end > at) {
          at = end;
          continue;
        }
        this.#pieceAt = position + at;
        this.#pieceMicros = atMicros;
        this.#pieceBytes = 0;
      }
      const from = at;
      at = this.#step(buffer, at);
      this.#pieceBytes += at - from;
      if (this.#cells.isFull) this.#cut();
      else if (this.#pieceBytes >= PIECE_BYTES && this.#skipper.idle && !this.#utf8.inside) {
        this.#cut();
      }
    }
  }

  /** The bytes end here, or go on somewhere else: gives out what stands on the unfinished line. */
  finish(): void {
    this.#endCharacter();
    this.#skipper.reset();
    this.#cut();
  }

  /** A line of nothing but printable ASCII that lies in the buffer whole, as nearly all do. @returns where it ends */
  #wholeLine(buffer: Buffer, from: number, position: number, atMicros: number): number {
    const most = Math.min(buffer.length, from + PIECE_CHARACTERS);
    let at = from;
    while (at < most) {
      const byte = buffer[at] as number;
      if (byte < 0x20 || byte > 0x7e) break;
      at++;
    }
    let end = at;
    if (buffer[end] === CR) end++;
    if (end >= buffer.length || at === most || buffer[end] !== LF) return from;
    const text = buffer.toString("latin1", from, at);
    this.onLine({ line: this.#line, position: position + from, atMicros, text, ended: true });
    this.#line++;
    return end + 1;
  }

  /** Handles what comes next: at most one character, or a run of ASCII. @returns where to go on */
  #step(buffer: Buffer, from: number): number {
    const byte = buffer[from] as number;
    if (byte === LF) {
      this.#endLine();
      return from + 1;
    }
    if (!this.#skipper.idle) {
      const taken = this.#skipper.take(byte);
      if (taken === "again") return from;
      if (taken !== "taken") this.#control(taken);
      return from + 1;
    }
    if (byte >= 0x80) {
      const code = this.#utf8.take(byte);
      if (code === -2) this.#cells.putCodePoint(0xfffd);
      // U+0080 to U+009F are controls of eight bits.
      else if (code > 0x9f) this.#cells.putCodePoint(code);
      return code === -2 ? from : from + 1;
    }
    if (this.#utf8.inside) {
      this.#endCharacter();
      return from;
    }
    if (byte >= 0x20 && byte !== 0x7f) return this.#plain(buffer, from);
    if (byte === CR) this.#cells.moveTo(0);
    else if (byte === BS) this.#cells.moveTo(this.#cells.column - 1);
    else if (byte === TAB) this.#cells.putCodePoint(TAB);
    else if (byte === ESC) this.#skipper.begin();
    return from + 1;
  }

  #plain(buffer: Buffer, from: number): number {
    const room = Math.min(PIECE_CHARACTERS - this.#cells.column, PIECE_BYTES - this.#pieceBytes);
    const most = Math.min(buffer.length, from + Math.max(1, room));
    let at = from + 1;
    while (at < most) {
      const byte = buffer[at] as number;
      if (byte < 0x20 || byte > 0x7e) break;
      at++;
    }
    this.#cells.putAscii(buffer, from, at);
    return at;
  }

  #endCharacter(): void {
    if (!this.#utf8.inside) return;
    this.#utf8.reset();
    this.#cells.putCodePoint(0xfffd);
  }

  /** A control sequence that moves the cursor or deletes (ECMA-48 8.3). */
  #control({ final, parameter }: ControlSequence): void {
    const cells = this.#cells;
    const count = Math.max(parameter ?? 1, 1);
    switch (final) {
      case "K":
        if (parameter === undefined || parameter === 0) cells.deleteRest();
        else if (parameter === 2) cells.deleteAll();
        return;
      case "C":
        return cells.moveTo(cells.column + count);
      case "D":
        return cells.moveTo(cells.column - count);
      case "G":
        return cells.moveTo(count - 1);
      // Somewhere else on the screen: what stands here is a piece of its own.
      case "A":
      case "B":
      case "E":
      case "F":
      case "H":
      case "f":
      case "d":
      case "J":
        return this.#cut();
    }
  }

  #endLine(): void {
    this.#endCharacter();
    this.#skipper.reset();
    this.onLine(this.#piece(this.#pieceAt as number, true));
    this.#begin();
    this.#line++;
  }

  #cut(): void {
    if (!this.#cells.isEmpty && this.#pieceAt !== undefined) {
      this.onLine(this.#piece(this.#pieceAt, false));
    }
    this.#begin();
  }

  #begin(): void {
    this.#pieceAt = undefined;
    this.#wentOnMicros = undefined;
    this.#cells.clear();
  }

  #piece(position: number, ended: boolean): TextLine {
    return {
      line: this.#line,
      position,
      atMicros: this.#pieceMicros,
      ...(this.#wentOnMicros === undefined ? {} : { wentOnMicros: this.#wentOnMicros }),
      text: this.#cells.text,
      ended,
    };
  }
}
