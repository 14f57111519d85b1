import type { EntryTable } from "./entry-table.js";
import type { SegmentStart } from "./index-text.js";
import { SEGMENT_NOTES, SEGMENT_RUNS, segmentBytesFor } from "./log-limits.js";
import type { SealedSegment } from "./sealed-segment.js";

/** How the first segment of a log begins. */
export const BEGINNING: SegmentStart = {
  first: 0,
  line: 1,
  lost: 0,
  lastMicros: undefined,
  source: undefined,
  boot: undefined,
};

/** How the segment after one that is sealed begins. */
export function startAfter(sealed: SealedSegment): SegmentStart {
  return {
    first: sealed.end,
    line: sealed.endLine,
    lost: sealed.summary.lost,
    lastMicros: sealed.lastMicros,
    source: sealed.summary.source ?? undefined,
    boot: sealed.bootRecords.at(-1),
  };
}

/**
 * How much of some bytes still goes into the segment that grows; 0 when it is to be closed first. A segment ends with a
 * line, so that each can be cleaned and searched by itself, unless a line is longer than a quarter of it.
 */
export function roomFor(
  bytes: Buffer,
  entries: EntryTable,
  maxLogBytes: number,
  isAtLineStart: boolean,
): number {
  const most = segmentBytesFor(maxLogBytes);
  const length = entries.end - entries.first;
  if (length === 0) return bytes.length;
  const isFull = entries.size >= SEGMENT_RUNS || entries.notes.length >= SEGMENT_NOTES;
  if (length < most && !isFull) return bytes.length;
  const isOverfull = length >= most * 1.25 || entries.size >= SEGMENT_RUNS * 1.25;
  if (isAtLineStart || isOverfull) return 0;
  const lineFeed = bytes.indexOf(10);
  return lineFeed < 0 ? bytes.length : lineFeed + 1;
}
