import { crc32, zstdDecompressSync } from "node:zlib";
import type { SourcePosition } from "./console-log.js";
import type { BootRecord } from "./index-text.js";

/**
 * A sealed segment is one file of Zstandard frames (RFC 8878). First its blocks, each a frame of its own, so that
 * `zstd -dc` of the file gives the exact bytes and any block can be had alone. Then skippable frames, which zstd passes
 * over: the index records of the blocks, the table of the trigram filter, and at the end the directory with a trailer.
 */

export interface SealedBlock {
  /** Where its frame lies in the file, and how long it is. */
  readonly at: number;
  readonly size: number;
  /** Position of its first byte, and how many there are. */
  readonly first: number;
  readonly length: number;
  /** Line number of its first byte. */
  readonly line: number;
  readonly firstMicros: number;
  /** The latest time in it or before it. */
  readonly lastMicros: number;
  /** Where its records lie, compressed. */
  readonly recordsAt: number;
  readonly recordsSize: number;
}

export interface SealedDirectory {
  readonly version: 1;
  readonly first: number;
  readonly end: number;
  readonly line: number;
  readonly endLine: number;
  readonly firstMicros: number | null;
  readonly lastMicros: number | null;
  /** Bytes known to be missing, from the beginning of the log to the end of this segment. */
  readonly lost: number;
  /** Where in the source it ends. */
  readonly source: SourcePosition | null;
  readonly boots: readonly BootRecord[];
  readonly filter: { readonly at: number; readonly rows: number; readonly rowBytes: number };
  /** As arrays of the numbers of {@link SealedBlock}, in its order. */
  readonly blocks: readonly (readonly number[])[];
}

export const TRAILER_BYTES = 16;
const TRAILER_MAGIC = "OUTRLOG1";
/** RFC 8878 3.1.2: any of sixteen numbers marks a skippable frame. */
const SKIPPABLE_MAGIC = 0x184d2a5c;
export const SKIPPABLE_HEADER_BYTES = 8;

export function skippableHeader(size: number): Buffer {
  const header = Buffer.alloc(SKIPPABLE_HEADER_BYTES);
  header.writeUInt32LE(SKIPPABLE_MAGIC, 0);
  header.writeUInt32LE(size, 4);
  return header;
}

/** The directory and the trailer by which it is found from the file's end. */
export function directoryBytes(directory: SealedDirectory): Buffer {
  const json = Buffer.from(JSON.stringify(directory));
  const trailer = Buffer.alloc(TRAILER_BYTES);
  trailer.writeUInt32LE(json.length, 0);
  trailer.writeUInt32LE(crc32(json), 4);
  trailer.write(TRAILER_MAGIC, 8, "latin1");
  return Buffer.concat([json, trailer]);
}

/** How long the directory is, by the trailer; undefined when this is none. */
export function readTrailer(
  end: Buffer,
): { readonly length: number; readonly crc: number } | undefined {
  if (end.length < TRAILER_BYTES) return undefined;
  const trailer = end.subarray(end.length - TRAILER_BYTES);
  if (trailer.toString("latin1", 8, 16) !== TRAILER_MAGIC) return undefined;
  return { length: trailer.readUInt32LE(0), crc: trailer.readUInt32LE(4) };
}

/** @returns undefined when the bytes are not what was written */
export function parseDirectory(json: Buffer, crc: number): SealedDirectory | undefined {
  if (crc32(json) !== crc) return undefined;
  const directory = JSON.parse(json.toString()) as SealedDirectory;
  return directory.version === 1 ? directory : undefined;
}

export function blockFields(block: SealedBlock): number[] {
  return [
    block.at,
    block.size,
    block.first,
    block.length,
    block.line,
    block.firstMicros,
    block.lastMicros,
    block.recordsAt,
    block.recordsSize,
  ];
}

export function blocksOf(directory: SealedDirectory): SealedBlock[] {
  return directory.blocks.map((fields) => {
    const field = (index: number): number => fields[index] ?? 0;
    return {
      at: field(0),
      size: field(1),
      first: field(2),
      length: field(3),
      line: field(4),
      firstMicros: field(5),
      lastMicros: field(6),
      recordsAt: field(7),
      recordsSize: field(8),
    };
  });
}

/** A block's bytes, or undefined when they are not what was written: each frame bears a checksum. */
export function unpack(frame: Buffer, length: number): Buffer | undefined {
  try {
    const bytes = zstdDecompressSync(frame, { maxOutputLength: length + 1 });
    return bytes.length === length ? bytes : undefined;
  } catch {
    return undefined;
  }
}
