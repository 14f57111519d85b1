import type { EntryTable } from "./entry-table.js";
import type { BootRecord } from "./index-text.js";
import type { LogItem } from "./log-format.js";

/** Where in a segment a reader is: the next byte, and how many of the notes that stand before it are done. */
export interface SegmentCursor {
  readonly position: number;
  readonly notesDone: number;
}

/** A stretch of a log, sealed or not. */
export interface Segment {
  readonly first: number;
  /** Position after its last byte. */
  readonly end: number;
  /** Line numbers of its first byte and of the byte after its last. */
  readonly line: number;
  readonly endLine: number;
  readonly firstMicros: number | undefined;
  readonly lastMicros: number | undefined;
  readonly bytesOnDisk: number;
  /** Chapters that it knows of; the first may have begun before it. */
  readonly bootRecords: readonly BootRecord[];
  /**
   * Some items from a cursor on, and the cursor after them; no items only at the end.
   * @throws SegmentGone when it has been dropped or sealed
   */
  items(
    cursor: SegmentCursor,
    maxBytes: number,
  ): Promise<{ readonly items: readonly LogItem[]; readonly cursor: SegmentCursor }>;
  /** Where a line begins that begins after this segment does and no later than at its end. */
  positionOfLine(line: number): Promise<number>;
  /** Number of the line that a position of this segment is in. */
  lineAt(position: number): Promise<number>;
  /** Where the first run begins that came at or after a time; its end when none did. */
  positionAtTime(micros: number): Promise<number>;
}

/** What was to be read has been dropped or sealed in the meantime: look again. */
export class SegmentGone extends Error {
  override readonly name = "SegmentGone";
  constructor(readonly first: number) {
    super(`The segment at ${first} is not there any more.`);
  }
}

/**
 * Items of a table from a cursor on, as many as fit.
 * @param limit where the bytes end that can be had
 * @param bytesOf the bytes of a stretch
 */
export function itemsOf(
  table: EntryTable,
  cursor: SegmentCursor,
  limit: number,
  bytesOf: (from: number, to: number) => Buffer,
): { items: LogItem[]; cursor: SegmentCursor } {
  const items: LogItem[] = [];
  const until = Math.min(limit, table.end);
  let { position, notesDone } = cursor;
  let noteIndex = table.noteIndex(position) + notesDone;
  for (let index = table.indexOf(position); ;) {
    const note = table.notes[noteIndex];
    if (note && note.position <= position) {
      items.push(note);
      noteIndex++;
      notesDone++;
      continue;
    }
    if (position >= until || index < 0) break;
    const stop = Math.min(table.endOf(index), until, note?.position ?? until);
    items.push({
      kind: "bytes",
      position,
      atMicros: table.micros[index] as number,
      bytes: bytesOf(position, stop),
    });
    position = stop;
    notesDone = 0;
    if (position >= table.endOf(index)) index++;
  }
  return { items, cursor: { position, notesDone } };
}

/** Where in a run of bytes the n-th line feed, from 1, ends; the length when there are fewer. */
export function afterLineFeed(bytes: Buffer, count: number): number {
  let at = 0;
  for (let left = count; left > 0; left--) {
    const lineFeed = bytes.indexOf(10, at);
    if (lineFeed < 0) return bytes.length;
    at = lineFeed + 1;
  }
  return at;
}
