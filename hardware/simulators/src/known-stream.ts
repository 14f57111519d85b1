/**
 * A stream of bytes that both ends know without having agreed on more than a number. Each block of 256 bytes has every
 * value once, and no two blocks within 128 MiB are alike, so that whoever receives it can tell what is missing, twice or
 * out of order.
 */
const BLOCK_BYTES = 256;
const STEPS = 128;
const TURN_BYTES = BLOCK_BYTES * STEPS * 256;
/** Turns differ in bits that are flipped: low ones, because flipping a high one can be what another first value is. */
const TURNS = 16;

let turn: Buffer | undefined;

/** The first turn of the stream of seed 0. */
function firstTurn(): Buffer {
  if (turn) return turn;
  turn = Buffer.allocUnsafe(TURN_BYTES);
  for (let at = 0; at < TURN_BYTES; at++) {
    const block = Math.floor(at / BLOCK_BYTES);
    // An odd step visits every value; another step or another first value is another block.
    turn[at] = (at % BLOCK_BYTES) * (2 * (block % STEPS) + 1) + Math.floor(block / STEPS);
  }
  return turn;
}

/** The bytes of the stream from `offset` on. Streams of different seeds are shifted against one another. */
export function knownBytes(seed: number, offset: number, length: number): Buffer {
  const whole = firstTurn();
  const start = offset + seed * 65_521 * BLOCK_BYTES;
  const pieces: Buffer[] = [];
  for (let done = 0; done < length;) {
    const from = (start + done) % TURN_BYTES;
    const flipped = Math.floor((start + done) / TURN_BYTES) % TURNS;
    const piece = whole.subarray(from, from + length - done);
    pieces.push(flipped === 0 ? piece : withFlipped(piece, flipped));
    done += piece.length;
  }
  return pieces.length === 1 ? (pieces[0] as Buffer) : Buffer.concat(pieces);
}

function withFlipped(piece: Buffer, bits: number): Buffer {
  const other = Buffer.allocUnsafe(piece.length);
  for (let at = 0; at < piece.length; at++) other[at] = (piece[at] ?? 0) ^ bits;
  return other;
}

/** Bytes of each line of {@link knownLines}. */
export const KNOWN_LINE_BYTES = 16;

/** A stream of numbered lines of text, all of one length, from `offset` on. */
export function knownLines(seed: number, offset: number, length: number): Buffer {
  const first = Math.floor(offset / KNOWN_LINE_BYTES);
  const last = Math.ceil((offset + length) / KNOWN_LINE_BYTES);
  let text = "";
  for (let line = first; line < last; line++) {
    text += `${String(line).padStart(9, "0")} ${String(seed).padStart(4)}\r\n`;
  }
  const from = offset - first * KNOWN_LINE_BYTES;
  return Buffer.from(text, "latin1").subarray(from, from + length);
}

/** A run of bytes of the stream that was not sent, because there was no room for it. */
export interface Dropped {
  /** Offset in the stream of the first byte. */
  readonly offset: number;
  readonly bytes: number;
}

/** What must have arrived of the first `length` bytes of a stream, the dropped ones left out. */
export function withoutDropped(
  seed: number,
  length: number,
  dropped: readonly Dropped[],
  stream: typeof knownBytes = knownBytes,
): Buffer {
  const kept: Buffer[] = [];
  let at = 0;
  for (const { offset, bytes } of dropped) {
    kept.push(stream(seed, at, offset - at));
    at = offset + bytes;
  }
  kept.push(stream(seed, at, length - at));
  return Buffer.concat(kept);
}
