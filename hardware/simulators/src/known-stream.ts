/**
 * A stream of bytes that both ends know without having agreed on more than a number. Each block of 256 bytes has every
 * value once, and no two blocks within 8 MiB are alike, so that whoever receives it can tell what is missing, twice or
 * out of order.
 */
const BLOCK_BYTES = 256;
const STEPS = 128;
const PERIOD_BYTES = BLOCK_BYTES * STEPS * 256;

let period: Buffer | undefined;

/** The stream of seed 0 up to where it repeats. */
function wholePeriod(): Buffer {
  if (period) return period;
  period = Buffer.allocUnsafe(PERIOD_BYTES);
  for (let at = 0; at < PERIOD_BYTES; at++) {
    const block = Math.floor(at / BLOCK_BYTES);
    // An odd step visits every value; another step or another first value is another block.
    period[at] = (at % BLOCK_BYTES) * (2 * (block % STEPS) + 1) + Math.floor(block / STEPS);
  }
  return period;
}

/** The bytes of the stream from `offset` on. Streams of different seeds are shifted against one another. */
export function knownBytes(seed: number, offset: number, length: number): Buffer {
  const whole = wholePeriod();
  const pieces: Buffer[] = [];
  let at = (offset + seed * 65_521 * BLOCK_BYTES) % PERIOD_BYTES;
  for (let left = length; left > 0;) {
    const piece = whole.subarray(at, at + left);
    pieces.push(piece);
    left -= piece.length;
    at = 0;
  }
  return pieces.length === 1 ? (pieces[0] as Buffer) : Buffer.concat(pieces);
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
