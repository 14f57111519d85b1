import { closeSync, fstatSync, openSync, readSync } from "node:fs";
import { EntryTable, firstWhere } from "./entry-table.js";
import { BootList } from "./boot-list.js";
import { readRecords } from "./index-text.js";
import { fill } from "./raw-index.js";
import {
  TRAILER_BYTES,
  blocksOf,
  parseDirectory,
  readTrailer,
  unpack,
  type SealedBlock,
  type SealedDirectory,
} from "./sealed-format.js";
import { candidateBlocks } from "./trigram-filter.js";
import { zstdDecompressSync } from "node:zlib";

const TAIL_BYTES = 16_384;

/** A sealed segment for a worker: reads block the thread. */
export class SealedFile implements Disposable {
  readonly blocks: readonly SealedBlock[];

  private constructor(
    readonly file: number,
    readonly directory: SealedDirectory,
  ) {
    this.blocks = blocksOf(directory);
  }

  /** @returns undefined when it is not there any more, or damaged */
  static open(path: string): SealedFile | undefined {
    let file: number;
    try {
      file = openSync(path, "r");
    } catch (cause) {
      if ((cause as NodeJS.ErrnoException).code === "ENOENT") return undefined;
      throw cause;
    }
    const directory = readDirectory(file);
    if (directory) return new SealedFile(file, directory);
    closeSync(file);
    return undefined;
  }

  /** Blocks that can hold a line with the texts of one of the alternatives. */
  candidates(required: readonly (readonly string[])[] | undefined): readonly SealedBlock[] {
    if (!required) return this.blocks;
    const { filter } = this.directory;
    const any = new Uint8Array(filter.rowBytes);
    for (const texts of required) {
      const all = new Uint8Array(filter.rowBytes).fill(0xff);
      for (const text of texts) {
        const bits = candidateBlocks(text, filter, (row) =>
          readAt(this.file, filter.at + row * filter.rowBytes, filter.rowBytes),
        );
        if (bits) for (const [at, byte] of bits.entries()) all[at] = (all[at] as number) & byte;
      }
      for (const [at, byte] of all.entries()) any[at] = (any[at] as number) | byte;
    }
    return this.blocks.filter((_, index) => ((any[index >> 3] ?? 0) & (1 << (index & 7))) !== 0);
  }

  /** @returns undefined when they are damaged */
  bytes(block: SealedBlock): Buffer | undefined {
    return unpack(readAt(this.file, block.at, block.size), block.length);
  }

  times(block: SealedBlock): EntryTable {
    const table = new EntryTable(block.first, block.line);
    const packed = readAt(this.file, block.recordsAt, block.recordsSize);
    fill(readRecords(zstdDecompressSync(packed).toString("latin1")), table, new BootList());
    return table;
  }

  [Symbol.dispose](): void {
    closeSync(this.file);
  }
}

/** When the byte at a position came. */
export function timeAt(table: Pick<EntryTable, "positions" | "micros">, position: number): number {
  const index = firstWhere(table.positions, (at) => at > position) - 1;
  return table.micros[Math.max(0, index)] ?? 0;
}

function readDirectory(file: number): SealedDirectory | undefined {
  const { size } = fstatSync(file);
  let tail = readAt(file, Math.max(0, size - TAIL_BYTES), Math.min(size, TAIL_BYTES));
  const trailer = readTrailer(tail);
  if (!trailer) return undefined;
  const wanted = trailer.length + TRAILER_BYTES;
  if (wanted > size) return undefined;
  if (wanted > tail.length) tail = readAt(file, size - wanted, wanted);
  return parseDirectory(
    tail.subarray(tail.length - wanted, tail.length - TRAILER_BYTES),
    trailer.crc,
  );
}

function readAt(file: number, at: number, length: number): Buffer {
  const buffer = Buffer.allocUnsafe(length);
  return buffer.subarray(0, readSync(file, buffer, 0, length, at));
}
