/**
 * Which blocks of a segment can hold a text. For every three characters that follow one another in a line of a block,
 * case folded, the block's bit is set in a row of the table. A text of which some three characters have no bit in a block
 * is not in that block; the other way round nothing is said, because different threes share rows.
 */

/** Text as it is compared when case does not count. */
export function foldCase(text: string): string {
  const folded = text.toLowerCase();
  // Sigma, whose lower case depends on where in a word it stands, and the long s, which RE2 takes for an s.
  return ODD.test(folded) ? folded.replaceAll("ς", "σ").replaceAll("ſ", "s") : folded;
}

const ODD = /[ςſ]/;

/** How many rows a table for so many bytes has: a power of two. */
export function rowsFor(segmentBytes: number): number {
  const wanted = 2 ** Math.ceil(Math.log2(Math.max(1, segmentBytes / 16)));
  return Math.min(Math.max(wanted, 1024), 32_768);
}

function rowOf(a: number, b: number, c: number, rows: number): number {
  let hash = Math.imul(a, 0x9e3779b1) ^ Math.imul(b, 0x85ebca6b) ^ Math.imul(c, 0xc2b2ae35);
  hash ^= hash >>> 15;
  hash = Math.imul(hash, 0x2c1b3c6d);
  return (hash ^ (hash >>> 13)) & (rows - 1);
}

/** The rows that a folded text needs; none for less than three characters. */
export function rowsOf(folded: string, rows: number): number[] {
  const found = new Set<number>();
  for (let at = 0; at + 2 < folded.length; at++) {
    found.add(
      rowOf(folded.charCodeAt(at), folded.charCodeAt(at + 1), folded.charCodeAt(at + 2), rows),
    );
  }
  return [...found];
}

export class TrigramFilter {
  /** Bytes of a row: a bit for each block. */
  readonly rowBytes: number;
  readonly table: Buffer;

  constructor(
    readonly rows: number,
    blocks: number,
    table?: Buffer,
  ) {
    this.rowBytes = Math.max(1, Math.ceil(blocks / 8));
    this.table = table ?? Buffer.alloc(rows * this.rowBytes);
  }

  /** Notes a folded line of a block. */
  add(folded: string, block: number): void {
    const { rowBytes, rows, table } = this;
    const offset = block >> 3;
    const bit = 1 << (block & 7);
    let a = folded.charCodeAt(0);
    let b = folded.charCodeAt(1);
    for (let at = 2; at < folded.length; at++) {
      const c = folded.charCodeAt(at);
      const place = rowOf(a, b, c, rows) * rowBytes + offset;
      table[place] = (table[place] as number) | bit;
      a = b;
      b = c;
    }
  }
}

/** Blocks that can hold a text, as bits; `row` reads a row of the table. Undefined: the text is too short to tell. */
export function candidateBlocks(
  folded: string,
  filter: { readonly rows: number; readonly rowBytes: number },
  row: (index: number) => Uint8Array,
): Uint8Array | undefined {
  let bits: Uint8Array | undefined;
  for (const index of rowsOf(folded, filter.rows)) {
    const present = row(index);
    bits = bits ? bits.map((byte, at) => byte & (present[at] ?? 0)) : Uint8Array.from(present);
    if (bits.every((byte) => byte === 0)) return bits;
  }
  return bits;
}
