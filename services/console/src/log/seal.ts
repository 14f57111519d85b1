import {
  closeSync,
  fsyncSync,
  openSync,
  readFileSync,
  renameSync,
  unlinkSync,
  writeSync,
} from "node:fs";
import { constants, zstdCompressSync } from "node:zlib";
import { BootList } from "./boot-list.js";
import { CleanText } from "./clean-text.js";
import { EntryTable, countLineFeeds } from "./entry-table.js";
import type { SourcePosition } from "./console-log.js";
import { bytesRecord, noteRecord, type BootRecord } from "./index-text.js";
import { readRawIndex } from "./raw-index.js";
import {
  SKIPPABLE_HEADER_BYTES,
  blockFields,
  directoryBytes,
  skippableHeader,
  type SealedBlock,
  type SealedDirectory,
} from "./sealed-format.js";
import { segmentPath } from "./segment-name.js";
import { TrigramFilter, foldCase, rowsFor } from "./trigram-filter.js";

/** What is compressed together, about: a block ends with a line where there is one. */
export const BLOCK_BYTES = 262_144;

const COMPRESSION = {
  params: { [constants.ZSTD_c_compressionLevel]: 3, [constants.ZSTD_c_checksumFlag]: 1 },
};

/**
 * Makes one compressed file of a segment's two. Blocks the thread for as long as it takes: it is called in a worker. The
 * two files are left alone; the new one is on the disk, under its name, when this returns.
 */
export function sealSegment(directory: string, first: number): void {
  const bytes = readFileSync(segmentPath(directory, first, "bytes"));
  const index = readFileSync(segmentPath(directory, first, "index"), "latin1");
  const contents = readRawIndex(first, index, bytes);
  if (!contents)
    throw new Error(`The index of the segment at ${first} in ${directory} is damaged.`);
  const entries = new EntryTable(first, contents.start.line);
  const boots = new BootList();
  contents.describe(entries, boots);
  const { end, source, lost } = contents;
  const sealed = { entries, boots: boots.records, source, lost };
  const parts = packBlocks(bytes.subarray(0, end - first), entries);
  writeSealed(directory, sealed, parts);
}

/** What a sealed segment says of itself beside its bytes. */
export interface SealedContents {
  readonly entries: EntryTable;
  readonly boots: readonly BootRecord[];
  readonly source: SourcePosition | undefined;
  readonly lost: number;
}

/** Writes a sealed segment's file; it is on the disk, under its name, when this returns. */
export function writeSealed(
  directory: string,
  contents: SealedContents,
  parts: PackedBlocks,
): void {
  const { entries, boots, source, lost } = contents;
  const { first } = entries;
  const sealed: SealedDirectory = {
    version: 1,
    first,
    end: entries.end,
    line: entries.firstLine,
    endLine: entries.endLine,
    firstMicros: entries.firstMicros ?? null,
    lastMicros: entries.lastMicros ?? null,
    lost,
    source: source ?? null,
    boots,
    filter: { at: parts.filterAt, rows: parts.filter.rows, rowBytes: parts.filter.rowBytes },
    blocks: parts.blocks.map(blockFields),
  };
  const tail = directoryBytes(sealed);
  const partPath = segmentPath(directory, first, "part");
  const file = openSync(partPath, "w", 0o640);
  try {
    for (const part of [...parts.buffers, skippableHeader(tail.length), tail]) write(file, part);
    fsyncSync(file);
  } catch (cause) {
    closeSync(file);
    unlinkSync(partPath);
    throw cause;
  }
  closeSync(file);
  renameSync(partPath, segmentPath(directory, first, "zst"));
  const handle = openSync(directory, "r");
  fsyncSync(handle);
  closeSync(handle);
}

export interface PackedBlocks {
  /** What the file holds up to and with the filter, in order. */
  readonly buffers: readonly Buffer[];
  readonly blocks: readonly SealedBlock[];
  readonly filter: TrigramFilter;
  readonly filterAt: number;
}

/**
 * Cuts bytes into blocks, compresses them, and notes what is in them.
 * @param known what was made of the same bytes before: only what depends on times and positions is made anew
 */
export function packBlocks(data: Buffer, entries: EntryTable, known?: PackedBlocks): PackedBlocks {
  const cuts = blockEnds(data);
  const filter = known?.filter ?? new TrigramFilter(rowsFor(data.length), cuts.length);
  const frames: Buffer[] = [];
  const records: Buffer[] = [];
  const blocks: SealedBlock[] = [];
  let at = 0;
  let recordsAt = 0;
  let from = 0;
  let line = entries.firstLine;
  let latest = 0;
  for (const [index, to] of cuts.entries()) {
    const block = data.subarray(from, to);
    const frame = known?.buffers[index] ?? zstdCompressSync(block, COMPRESSION);
    const first = entries.first + from;
    const isLast = index === cuts.length - 1;
    const described = describe(entries, first, entries.first + to, isLast, block);
    const packed = zstdCompressSync(Buffer.from(described.text, "latin1"), COMPRESSION);
    latest = Math.max(latest, described.lastMicros);
    blocks.push({
      at,
      size: frame.length,
      first,
      length: block.length,
      line,
      firstMicros: described.firstMicros,
      lastMicros: latest,
      recordsAt,
      recordsSize: packed.length,
    });
    if (!known) addToFilter(filter, block, index);
    line += countLineFeeds(block);
    frames.push(frame);
    records.push(packed);
    at += frame.length;
    recordsAt += packed.length;
    from = to;
  }
  const recordsBase = at + SKIPPABLE_HEADER_BYTES;
  return {
    buffers: [
      ...frames,
      skippableHeader(recordsAt),
      ...records,
      skippableHeader(filter.table.length),
      filter.table,
    ],
    blocks: blocks.map((block) => ({ ...block, recordsAt: block.recordsAt + recordsBase })),
    filter,
    filterAt: recordsBase + recordsAt + SKIPPABLE_HEADER_BYTES,
  };
}

function addToFilter(filter: TrigramFilter, block: Buffer, index: number): void {
  const text = new CleanText({ line: 1 }, (line) => filter.add(foldCase(line.text), index));
  text.feed(block, 0, 0);
  text.finish();
}

/** Where blocks end: after the last line feed that fits, unless the line is longer than half a block. */
export function blockEnds(data: Buffer): number[] {
  const ends: number[] = [];
  for (let from = 0; from < data.length;) {
    let to = Math.min(from + BLOCK_BYTES, data.length);
    if (to < data.length) {
      const lineFeed = data.lastIndexOf(10, to - 1);
      if (lineFeed >= from + BLOCK_BYTES / 2) to = lineFeed + 1;
    }
    ends.push(to);
    from = to;
  }
  if (ends.length === 0) ends.push(0);
  return ends;
}

/** The records of a block: runs cut where the block begins and ends, notes in their places. */
function describe(
  entries: EntryTable,
  from: number,
  to: number,
  isLast: boolean,
  block: Buffer,
): { text: string; firstMicros: number; lastMicros: number } {
  let text = "";
  let firstMicros = 0;
  let lastMicros = 0;
  let noteIndex = entries.noteIndex(from);
  const notesBefore = (position: number): void => {
    for (let note = entries.notes[noteIndex]; note && note.position <= position;) {
      text += noteRecord(note, 0);
      note = entries.notes[++noteIndex];
    }
  };
  if (to > from) {
    for (let index = entries.indexOf(from); index >= 0 && index < entries.size; index++) {
      const begin = Math.max(entries.positions[index] as number, from);
      if (begin >= to) break;
      const end = Math.min(entries.endOf(index), to);
      notesBefore(begin);
      const micros = entries.micros[index] as number;
      firstMicros ||= micros;
      lastMicros = Math.max(lastMicros, micros);
      const whole = end - begin === entries.endOf(index) - (entries.positions[index] as number);
      const lineFeeds = whole
        ? entries.endLineOf(index) - (entries.lines[index] as number)
        : countLineFeeds(block.subarray(begin - from, end - from));
      text += bytesRecord(micros, end - begin, lineFeeds);
    }
  }
  if (isLast) notesBefore(to);
  return { text, firstMicros, lastMicros };
}

function write(file: number, bytes: Buffer): void {
  for (let at = 0; at < bytes.length;) at += writeSync(file, bytes, at);
}
