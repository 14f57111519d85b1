import { isAscii, isUtf8 } from "node:buffer";
import { judge } from "./control-sequence.js";
import { SafeOutput, type SafeBytes } from "./safe-output.js";
import { continues, lengthOf } from "./utf8-form.js";

/** A string that nobody ends (title, clipboard, device control) is given up after so many bytes. */
export const LONGEST_STRING_BYTES = 4096;
/** No control sequence that shows something is longer. */
export const LONGEST_SEQUENCE_BYTES = 256;

const ESC = 0x1b;
const ENQ = 0x05;
const BEL = 0x07;
const CAN = 0x18;
const SUB = 0x1a;
const DEL = 0x7f;
const ST_C1 = 0x9c;
/** U+FFFD stands where a C1 control was: no terminal takes it for one, whatever its encoding. */
const REPLACEMENT = Buffer.from("\ufffd");
const INTRODUCER = Buffer.from("\u001b[");

/** After ESC: introduces a string. `k` is the title of screen and tmux, which sends no OSC. */
const STRINGS = new Set([..."]PX^_k"].map((one) => one.charCodeAt(0)));
/** After ESC: asks for the terminal's identification (DECID). */
const DECID = 0x5a;

type State = "ground" | "escape" | "sequence" | "skipped-sequence" | "string" | "palette";

/**
 * Makes of what a machine says what a terminal may be shown: text, C0 controls but ENQ, two-character escapes and the
 * control sequences that move, erase and colour. Strings (OSC, DCS, APC, PM, SOS), C1 controls and everything else
 * that reaches beyond the screen is left out.
 *
 * Incremental: a sequence that is not whole is held back, so that every result ends between two sequences and between
 * two characters, and any split of the input gives the same output. Holds at most {@link LONGEST_SEQUENCE_BYTES}.
 * Never throws.
 */
export class DisplaySafe {
  #state: State = "ground";
  /** Of an escape or control sequence without its ESC, or the first bytes of a character. */
  readonly #held = Buffer.alloc(LONGEST_SEQUENCE_BYTES);
  #heldBytes = 0;
  #stringBytes = 0;
  /** In a string: the last byte was the first of a two-byte C1 control. */
  #afterC2 = false;
  #out = new SafeOutput(0);

  /** Takes what came next. The result may share memory with `chunk`. */
  push(chunk: Buffer): SafeBytes {
    if (this.#state === "ground" && this.#heldBytes === 0 && isPlain(chunk)) {
      return { writer: chunk, viewers: chunk };
    }
    this.#out = new SafeOutput(chunk.length + LONGEST_SEQUENCE_BYTES);
    let at = 0;
    while (at < chunk.length) at = this.#take(chunk, at);
    return this.#out.result();
  }

  /** @returns where to go on, always further unless the state has become ground */
  #take(chunk: Buffer, at: number): number {
    switch (this.#state) {
      case "ground":
        return this.#ground(chunk, at);
      case "escape":
        return this.#escape(chunk, at);
      case "sequence":
      case "skipped-sequence":
        return this.#sequence(chunk, at);
      case "string":
        return this.#string(chunk, at);
      case "palette":
        return this.#palette(chunk, at);
    }
  }

  #ground(chunk: Buffer, from: number): number {
    if (this.#heldBytes > 0) return this.#restOfCharacter(chunk, from);
    let at = from;
    for (; at < chunk.length; at += 1) {
      const byte = chunk[at] as number;
      if (byte >= 0x80 || byte === ESC || byte === ENQ) break;
    }
    this.#out.both(chunk, from, at);
    if (at === chunk.length) return at;
    const byte = chunk[at] as number;
    if (byte === ESC) {
      this.#state = "escape";
      return at + 1;
    }
    if (byte === ENQ) {
      this.#out.writerOnly(chunk.subarray(at, at + 1));
      return at + 1;
    }
    return this.#character(chunk, at);
  }

  /** A character of several bytes, as far as it is there. */
  #character(chunk: Buffer, at: number): number {
    const length = lengthOf(chunk[at] as number);
    if (length === 1) {
      this.#stray(chunk[at] as number);
      return at + 1;
    }
    for (let more = 1; more < length; more += 1) {
      if (at + more === chunk.length) {
        chunk.copy(this.#held, 0, at);
        this.#heldBytes = more;
        return chunk.length;
      }
      if (!continues(chunk, at, more)) return this.#torn(chunk, at, more);
    }
    this.#whole(chunk, at, length);
    return at + length;
  }

  /** A character whose first bytes came earlier. */
  #restOfCharacter(chunk: Buffer, at: number): number {
    const held = this.#held;
    held[this.#heldBytes] = chunk[at] as number;
    if (!continues(held, 0, this.#heldBytes)) {
      const torn = this.#heldBytes;
      this.#heldBytes = 0;
      this.#torn(held, 0, torn);
      return at;
    }
    this.#heldBytes += 1;
    if (this.#heldBytes === lengthOf(held[0] as number)) {
      this.#heldBytes = 0;
      this.#whole(held, 0, lengthOf(held[0] as number));
    }
    return at + 1;
  }

  #whole(bytes: Buffer, at: number, length: number): void {
    const isC1 = bytes[at] === 0xc2 && (bytes[at + 1] as number) < 0xa0;
    if (isC1) this.#out.both(REPLACEMENT, 0, REPLACEMENT.length);
    else this.#out.both(bytes, at, at + length);
  }

  /** The first byte has no sequel; the others then stand alone, too. */
  #torn(bytes: Buffer, at: number, length: number): number {
    for (let one = at; one < at + length; one += 1) this.#stray(bytes[one] as number);
    return at + length;
  }

  /** A byte above 7F that is no character: what a terminal that knows no UTF-8 shows, unless it would be a control. */
  #stray(byte: number): void {
    if (byte < 0xa0) this.#out.both(REPLACEMENT, 0, REPLACEMENT.length);
    else this.#out.bothByte(byte);
  }

  #escape(chunk: Buffer, at: number): number {
    const byte = chunk[at] as number;
    if (byte >= 0x80) return this.#abandon(at);
    if (byte < 0x20 || byte === DEL) return this.#control(byte, at);
    if (byte < 0x30) {
      this.#hold(byte);
      return at + 1;
    }
    const intermediates = this.#heldBytes;
    if (intermediates === 0 && byte === 0x5b) {
      this.#state = "sequence";
      this.#stringBytes = 0;
      return at + 1;
    }
    if (intermediates === 0 && STRINGS.has(byte)) {
      this.#state = "string";
      this.#stringBytes = 0;
      this.#afterC2 = false;
      // Only in what `ESC ]` begins does the console of Linux have strings without an end.
      this.#heldBytes = byte === 0x5d ? 0 : 1;
      return at + 1;
    }
    const escape = Buffer.concat([Buffer.of(ESC), this.#held.subarray(0, intermediates)]);
    this.#heldBytes = 0;
    this.#state = "ground";
    if (intermediates === 0 && byte === DECID) this.#out.writerOnly(Buffer.of(ESC, byte));
    else if (isHarmless(escape, byte)) {
      this.#out.both(Buffer.concat([escape, Buffer.of(byte)]), 0, escape.length + 1);
    }
    return at + 1;
  }

  #sequence(chunk: Buffer, at: number): number {
    const byte = chunk[at] as number;
    if (byte >= 0x80) return this.#abandon(at);
    if (byte < 0x20 || byte === DEL) return this.#control(byte, at);
    this.#stringBytes += 1;
    if (byte >= 0x40) {
      if (this.#state === "sequence") this.#judge(byte);
      this.#abandon(at);
      return at + 1;
    }
    if (this.#state === "sequence") this.#hold(byte);
    else if (this.#stringBytes >= LONGEST_STRING_BYTES) this.#abandon(at);
    return at + 1;
  }

  #judge(final: number): void {
    const text = this.#held.toString("latin1", 0, this.#heldBytes) + String.fromCharCode(final);
    const { writer, viewers } = judged(text);
    this.#out.apart(writer, viewers);
  }

  /** Left out until it ends, or until nobody can mean it any more. */
  #string(chunk: Buffer, from: number): number {
    for (let at = from; at < chunk.length; at += 1) {
      const byte = chunk[at] as number;
      if (this.#heldBytes === 0 && this.#stringBytes === 0 && (byte === 0x52 || byte === 0x50)) {
        // console_codes(4): `ESC ] R` resets the palette, `ESC ] P` and seven digits set it; neither has an end.
        this.#state = byte === 0x52 ? "ground" : "palette";
        return at + 1;
      }
      this.#stringBytes += 1;
      if (byte === ESC) {
        this.#heldBytes = 0;
        this.#state = "escape";
        return at + 1;
      }
      const ends =
        byte === BEL ||
        byte === CAN ||
        byte === SUB ||
        (byte === ST_C1 && this.#afterC2) ||
        this.#stringBytes >= LONGEST_STRING_BYTES;
      this.#afterC2 = byte === 0xc2;
      if (ends) {
        this.#abandon(at);
        return at + 1;
      }
    }
    return chunk.length;
  }

  #palette(chunk: Buffer, at: number): number {
    const byte = chunk[at] as number;
    const isDigit = /[\da-f]/i.test(String.fromCharCode(byte));
    if (!isDigit) return this.#abandon(at);
    this.#stringBytes += 1;
    if (this.#stringBytes === 7) this.#abandon(at);
    return at + 1;
  }

  /** A control inside a sequence: terminals obey it at once, and then go on with the sequence. */
  #control(byte: number, at: number): number {
    if (byte === ESC) {
      this.#abandon(at);
      this.#state = "escape";
    } else if (byte === CAN || byte === SUB) this.#abandon(at);
    else if (byte === ENQ) this.#out.writerOnly(Buffer.of(byte));
    else if (byte !== DEL) this.#out.bothByte(byte);
    return at + 1;
  }

  #hold(byte: number): void {
    if (this.#heldBytes === LONGEST_SEQUENCE_BYTES) {
      this.#heldBytes = 0;
      this.#stringBytes = LONGEST_SEQUENCE_BYTES;
      this.#state = "skipped-sequence";
      return;
    }
    this.#held[this.#heldBytes] = byte;
    this.#heldBytes += 1;
  }

  /** Forgets what was begun. */
  #abandon(at: number): number {
    this.#heldBytes = 0;
    this.#stringBytes = 0;
    this.#state = "ground";
    return at;
  }
}

/** A screen is drawn with few different sequences, over and over. */
const JUDGED = new Map<string, { readonly writer?: Buffer; readonly viewers?: Buffer }>();
const JUDGED_KEPT = 1000;

function judged(text: string): { readonly writer?: Buffer; readonly viewers?: Buffer } {
  let found = JUDGED.get(text);
  if (found) return found;
  const { writer, viewers } = judge(text);
  const put = (one: string): Buffer => Buffer.concat([INTRODUCER, Buffer.from(one, "latin1")]);
  const forWriter = writer === undefined ? undefined : put(writer);
  const forViewers = viewers === writer ? forWriter : viewers && put(viewers);
  found = {
    ...(forWriter && { writer: forWriter }),
    ...(forViewers && { viewers: forViewers }),
  };
  if (JUDGED.size >= JUDGED_KEPT) JUDGED.clear();
  JUDGED.set(text, found);
  return found;
}

/** Whether nothing in it needs a closer look: most output, at the cost of a few native searches. */
function isPlain(chunk: Buffer): boolean {
  if (chunk.includes(ESC) || chunk.includes(ENQ)) return false;
  return isAscii(chunk) || (isUtf8(chunk) && !chunk.includes(0xc2));
}

/** Escapes other than strings and control sequences. */
function isHarmless(begin: Buffer, final: number): boolean {
  if (begin.length === 1) return "=>678DEHMNOVWcn|}~lm9".includes(String.fromCharCode(final));
  // Character sets and line attributes; not `ESC %` (leaves UTF-8) nor `ESC SP` (answers in 8 bits).
  return begin.length === 2 && "()*+-./#".includes(String.fromCharCode(begin[1] as number));
}
