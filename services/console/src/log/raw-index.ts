import { crc32 } from "node:zlib";
import type { SourcePosition } from "./console-log.js";
import type { BootList } from "./boot-list.js";
import type { EntryTable } from "./entry-table.js";
import {
  readGroups,
  type BootRecord,
  type IndexRecord,
  type SegmentStart,
  type UnplacedNote,
} from "./index-text.js";

/** What is whole of a segment that is not sealed. */
export interface RawContents {
  readonly start: SegmentStart;
  /** Position after the last byte that is vouched for. */
  readonly end: number;
  readonly source: SourcePosition | undefined;
  readonly lost: number;
  /** How much of the index is whole. */
  readonly indexLength: number;
  /** How far it says of itself that it had been synced. */
  readonly synced: number;
  /** What stands after the last byte, with what had been added to the agent's times. */
  readonly tailNotes: readonly { readonly note: UnplacedNote; readonly shiftMicros: number }[];
  /** Bytes that had been on the disk and are no more: their number, and the time of the last. */
  readonly damage: { readonly lost: number; readonly untilMicros: number } | undefined;
  describe(entries: EntryTable, boots: BootList): void;
}

/**
 * Reads an index and checks the bytes against it. A group whose bytes are not what they were ends the segment. Bytes that
 * had never been synced are simply not there: the source has them still, and is read on from there. Those that had been
 * synced are gone for good, and are counted.
 * @returns undefined when not even the first group is whole
 */
export function readRawIndex(first: number, text: string, data: Buffer): RawContents | undefined {
  const records: IndexRecord[] = [];
  let start: Omit<SegmentStart, "source" | "boot"> | undefined;
  let firstSource: SourcePosition | undefined;
  let end = first;
  let source: SourcePosition | undefined;
  let indexLength = 0;
  let cut = false;
  let synced = first;
  const after: { end: number; source: SourcePosition | undefined; untilMicros: number }[] = [];
  for (const group of readGroups(text)) {
    if (!start) {
      const head = group.records[0];
      if (head?.kind !== "start" || head.start.first !== first) return undefined;
      start = head.start;
      firstSource = group.source;
    }
    synced = Math.max(synced, group.synced);
    cut ||= !isWhole(data, first, end, group.end, group.dataCrc);
    if (cut) {
      after.push({ end: group.end, source: group.source, untilMicros: lastMicros(group.records) });
      continue;
    }
    for (const record of group.records) records.push(record);
    end = group.end;
    source = group.source;
    indexLength = group.textEnd;
  }
  if (!start || indexLength === 0) return undefined;
  let damage: RawContents["damage"];
  const gone = after.findLast((group) => group.end <= synced);
  if (gone && gone.end > end) {
    damage = { lost: gone.end - end, untilMicros: gone.untilMicros };
    source = gone.source;
  }
  return {
    start: { ...start, source: firstSource, boot: undefined },
    end,
    source,
    lost: lostIn(records, start.lost),
    indexLength,
    synced,
    tailNotes: records
      .slice(records.findLastIndex((record) => record.kind === "bytes") + 1)
      .filter((record) => record.kind === "note"),
    damage,
    describe: (entries, boots) => fill(records, entries, boots),
  };
}

function isWhole(data: Buffer, first: number, from: number, to: number, crc: number): boolean {
  if (to < from || to - first > data.length) return false;
  return crc32(data.subarray(from - first, to - first)) === crc;
}

/** Puts records into a table, and gives notes their positions. */
export function fill(
  records: readonly IndexRecord[],
  entries: EntryTable,
  boots: Pick<BootList, "begin" | "reach">,
): void {
  for (const record of records) {
    if (record.kind === "bytes") entries.add(record.length, record.lineFeeds, record.atMicros);
    else if (record.kind === "note") {
      entries.notes.push({ ...record.note, position: entries.end });
    } else if (record.kind === "boot") boots.begin(record satisfies Omit<BootRecord, "stages">);
    else if (record.kind === "stage") boots.reach(record.stage, record.atMicros);
  }
}

function lostIn(records: readonly IndexRecord[], before: number): number {
  let lost = before;
  for (const record of records) {
    if (record.kind === "note" && record.note.kind === "gap") lost += record.note.lost ?? 0;
  }
  return lost;
}

function lastMicros(records: readonly IndexRecord[]): number {
  let last = 0;
  for (const record of records) if (record.kind === "bytes") last = record.atMicros;
  return last;
}
