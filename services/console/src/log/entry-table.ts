import type { LogGap, LogMark } from "./log-format.js";

/** Something beside bytes; it stands before the byte at its position. */
export type LogNote = LogGap | LogMark;

/**
 * When and where each run of bytes of a stretch of log came, and what happened in between. A run is found by position,
 * by time or by line in a binary search.
 */
export class EntryTable {
  /** Position, time and line number of the first byte of each run. */
  readonly positions: number[] = [];
  readonly micros: number[] = [];
  readonly lines: number[] = [];
  /** The latest time so far, which never goes back, as the times themselves can when an agent's clock was set. */
  readonly #latest: number[] = [];
  readonly notes: LogNote[] = [];
  #end: number;
  #endLine: number;

  constructor(
    readonly first: number,
    readonly firstLine: number,
  ) {
    this.#end = first;
    this.#endLine = firstLine;
  }

  get size(): number {
    return this.positions.length;
  }

  get end(): number {
    return this.#end;
  }

  /** Number of the line that the byte after the last one belongs to. */
  get endLine(): number {
    return this.#endLine;
  }

  get firstMicros(): number | undefined {
    return this.micros[0];
  }

  get lastMicros(): number | undefined {
    return this.#latest.at(-1);
  }

  add(length: number, lineFeeds: number, micros: number): void {
    this.positions.push(this.#end);
    this.micros.push(micros);
    this.lines.push(this.#endLine);
    const latest = this.#latest.at(-1);
    this.#latest.push(latest === undefined || micros > latest ? micros : latest);
    this.#end += length;
    this.#endLine += lineFeeds;
  }

  /** The run that holds a position; the first one for positions before, -1 when there is none. */
  indexOf(position: number): number {
    const after = firstWhere(this.positions, (at) => at > position);
    return this.size === 0 ? -1 : Math.max(0, after - 1);
  }

  /** Where the run after this one begins. */
  endOf(index: number): number {
    return this.positions[index + 1] ?? this.#end;
  }

  /** Line number after this run. */
  endLineOf(index: number): number {
    return this.lines[index + 1] ?? this.#endLine;
  }

  /** The position of the first run that came at or after a time; the end when none did. */
  positionAtTime(micros: number): number {
    return this.positions[firstWhere(this.#latest, (at) => at >= micros)] ?? this.#end;
  }

  /** The run in which the line before `line` ends; -1 when `line` begins no later than this table. */
  indexBeforeLine(line: number): number {
    return firstWhere(this.lines, (at) => at >= line) - 1;
  }

  /** The first note at or after a position. */
  noteIndex(position: number): number {
    return firstWhere(this.notes, (note) => note.position >= position);
  }
}

/** The first index of a sorted array at which `is` holds; its length where it never does. */
export function firstWhere<T>(sorted: readonly T[], is: (item: T) => boolean): number {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (is(sorted[middle] as T)) high = middle;
    else low = middle + 1;
  }
  return low;
}

/** How many line feeds there are in some bytes. */
export function countLineFeeds(bytes: Uint8Array): number {
  let count = 0;
  if (bytes.length < 32) {
    for (const byte of bytes) if (byte === 10) count++;
    return count;
  }
  for (let at = bytes.indexOf(10); at >= 0; at = bytes.indexOf(10, at + 1)) count++;
  return count;
}
