import { crc32 } from "node:zlib";
import { CONSOLE_STAGES, type ConsoleStage } from "@outrider/contracts/console";
import type { SourcePosition } from "./console-log.js";
import type { LogNote } from "./entry-table.js";

/**
 * The index of a log as text: a record on each line, a letter and what belongs to it. Records are written in groups; the
 * last line of a group vouches for the group and for the bytes that it is about, so that what a crash tore is seen.
 */

/** A chapter as it is written down; where it ends shows from the next. */
export interface BootRecord {
  readonly boot: number;
  readonly position: number;
  readonly line: number;
  readonly atMicros: number;
  readonly stages: readonly { readonly stage: ConsoleStage; readonly atMicros: number }[];
}

/** What holds where a segment begins. */
export interface SegmentStart {
  readonly first: number;
  readonly line: number;
  /** Bytes known to be missing before it. */
  readonly lost: number;
  /** The latest time before it. */
  readonly lastMicros: number | undefined;
  readonly source: SourcePosition | undefined;
  readonly boot: BootRecord | undefined;
}

export type IndexRecord =
  | { readonly kind: "start"; readonly start: Omit<SegmentStart, "source" | "boot"> }
  | {
      readonly kind: "bytes";
      readonly atMicros: number;
      readonly length: number;
      readonly lineFeeds: number;
    }
  | { readonly kind: "note"; readonly note: UnplacedNote; readonly shiftMicros: number }
  | ({ readonly kind: "boot" } & Omit<BootRecord, "stages">)
  | { readonly kind: "stage"; readonly stage: ConsoleStage; readonly atMicros: number };

/** A note whose position shows from where it stands in the index. */
export type UnplacedNote = LogNote extends infer N
  ? N extends LogNote
    ? Omit<N, "position">
    : never
  : never;

export interface IndexGroup {
  readonly records: readonly IndexRecord[];
  readonly source: SourcePosition | undefined;
  /** Position after its bytes. */
  readonly end: number;
  /** What was known to be on the disk when it was written. */
  readonly synced: number;
  readonly dataCrc: number;
}

const VERSION = 1;

export const startRecord = (start: Omit<SegmentStart, "source" | "boot">): string =>
  `o ${VERSION} ${start.first} ${start.line} ${start.lost} ${start.lastMicros ?? "-"}\n`;

export const bytesRecord = (atMicros: number, length: number, lineFeeds: number): string =>
  `b ${atMicros} ${length} ${lineFeeds}\n`;

export function noteRecord(note: UnplacedNote, shiftMicros: number): string {
  return note.kind === "gap"
    ? `g ${note.fromMicros} ${note.toMicros} ${note.lost ?? "-"} ${note.reason} ${shiftMicros}\n`
    : `m ${note.atMicros} ${shiftMicros} ${asciiJson(note.text)}\n`;
}

export const bootRecord = (boot: Omit<BootRecord, "stages">): string =>
  `k ${boot.boot} ${boot.position} ${boot.line} ${boot.atMicros}\n`;

export const stageRecord = (stage: ConsoleStage, atMicros: number): string =>
  `t ${atMicros} ${stage}\n`;

/** A whole group; `body` is its records. */
export function groupText(body: string, group: Omit<IndexGroup, "records">): string {
  const source = group.source ? `s ${group.source.offset} ${asciiJson(group.source.stream)}\n` : "";
  const text = `${body}${source}c ${group.end} ${group.synced} ${hex(group.dataCrc)} `;
  return `${text}${hex(crc32(text))}\n`;
}

/** The groups that are whole, in order, up to the first that is not. */
export function* readGroups(text: string): Generator<IndexGroup & { readonly textEnd: number }> {
  let groupAt = 0;
  let records: IndexRecord[] = [];
  let source: SourcePosition | undefined;
  for (let at = 0; ;) {
    const end = text.indexOf("\n", at);
    if (end < 0) return;
    const line = text.slice(at, end);
    at = end + 1;
    if (line.startsWith("c ")) {
      const commit = /^c (\d+) (\d+) ([0-9a-f]{8}) ([0-9a-f]{8})$/.exec(line);
      if (!commit || hex(crc32(text.slice(groupAt, end - 8))) !== commit[4]) return;
      yield {
        records,
        source,
        end: Number(commit[1]),
        synced: Number(commit[2]),
        dataCrc: Number.parseInt(commit[3] ?? "", 16),
        textEnd: at,
      };
      groupAt = at;
      records = [];
      continue;
    }
    if (line.startsWith("s ")) {
      const stream = parseJson(line.slice(line.indexOf(" ", 2) + 1));
      if (typeof stream !== "string") return;
      source = { stream, offset: Number.parseInt(line.slice(2), 10) };
      continue;
    }
    const record = parseRecord(line);
    if (!record) return;
    records.push(record);
  }
}

/** Reads records that stand without groups, as in a segment that is sealed. */
export function readRecords(text: string): IndexRecord[] {
  const records: IndexRecord[] = [];
  for (const line of text.split("\n")) {
    const record = line === "" ? undefined : parseRecord(line);
    if (record) records.push(record);
  }
  return records;
}

const STAGES = new Set<string>(CONSOLE_STAGES);

function parseRecord(line: string): IndexRecord | undefined {
  const parts = line.split(" ", 7);
  const number = (index: number): number => Number(parts[index]);
  switch (parts[0]) {
    case "b":
      return {
        kind: "bytes",
        atMicros: number(1),
        length: number(2),
        lineFeeds: number(3),
      };
    case "g":
      return {
        kind: "note",
        note: {
          kind: "gap",
          fromMicros: number(1),
          toMicros: number(2),
          lost: parts[3] === "-" ? undefined : number(3),
          reason: parts[4] as Extract<LogNote, { kind: "gap" }>["reason"],
        },
        shiftMicros: number(5),
      };
    case "m": {
      const text = parseJson(line.slice(line.indexOf(" ", line.indexOf(" ", 2) + 1) + 1));
      if (typeof text !== "string") return undefined;
      return {
        kind: "note",
        note: { kind: "mark", atMicros: number(1), text },
        shiftMicros: number(2),
      };
    }
    case "k":
      return {
        kind: "boot",
        boot: number(1),
        position: number(2),
        line: number(3),
        atMicros: number(4),
      };
    case "t":
      if (!STAGES.has(parts[2] ?? "")) return undefined;
      return { kind: "stage", stage: parts[2] as ConsoleStage, atMicros: number(1) };
    case "o":
      if (number(1) !== VERSION) return undefined;
      return {
        kind: "start",
        start: {
          first: number(2),
          line: number(3),
          lost: number(4),
          lastMicros: parts[5] === "-" ? undefined : number(5),
        },
      };
    default:
      return undefined;
  }
}

/** JSON on one line and in ASCII, so that a place in the text is the same place in the file. */
function asciiJson(text: string): string {
  return JSON.stringify(text).replaceAll(
    /[^\x20-\x7e]/g,
    (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

const hex = (crc: number): string => crc.toString(16).padStart(8, "0");
