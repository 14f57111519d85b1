import { readFile } from "node:fs/promises";
import { crc32 } from "node:zlib";
import type { ConsoleStage } from "@outrider/contracts/console";
import type { SourcePosition } from "./console-log.js";
import { EntryTable, countLineFeeds, type LogNote } from "./entry-table.js";
import { BootList } from "./boot-list.js";
import {
  bootRecord,
  bytesRecord,
  groupText,
  noteRecord,
  readGroups,
  stageRecord,
  startRecord,
  type BootRecord,
  type SegmentStart,
} from "./index-text.js";
import { readRawIndex, type RawContents } from "./raw-index.js";
import type { LogItem } from "./log-format.js";
import { afterLineFeed, itemsOf, type Segment, type SegmentCursor } from "./segment.js";
import { SegmentFiles, writeAll } from "./segment-files.js";
import { segmentPath } from "./segment-name.js";
import { whenMissing } from "./when-missing.js";

/** What a run costs in memory beside its bytes. */
const RUN_COST_BYTES = 64;

/** What a disk did not take is gone from memory too. */
export class SegmentDoubt extends Error {
  override readonly name = "SegmentDoubt";
}

/** Whether groups of an index vouch for themselves and for the bytes that they are about. */
function isWhole(index: Buffer, bytes: Buffer, from: number, to: number): boolean {
  let position = from;
  let textEnd = 0;
  for (const group of readGroups(index.toString("latin1"))) {
    if (crc32(bytes.subarray(position - from, group.end - from)) !== group.dataCrc) return false;
    position = group.end;
    textEnd = group.textEnd;
  }
  return position === to && textEnd === index.length && bytes.length === to - from;
}

/**
 * A stretch of log that is not sealed: its bytes as they came in one file, and its index as text in another. What is
 * appended can be read at once; {@link write} brings it to the files and {@link sync} to the disk.
 */
export class RawSegment implements Segment {
  readonly entries: EntryTable;
  readonly boots = new BootList();
  /** After its last byte. */
  source: SourcePosition | undefined;
  lost: number;
  readonly #files: SegmentFiles;
  /** Bytes that are not in the file, oldest first; those that are being written come first, in an array of their own. */
  #writing: Buffer[] = [];
  #chunks: Buffer[] = [];
  #records: string[] = [];
  #waitingCost = 0;
  #written: number;
  #indexLength = 0;
  #synced: number;
  #syncedIndexLength = 0;
  #writtenSource: SourcePosition | undefined;
  #inFlight = false;
  /** A sync has failed since what is on the disk for certain: the system may have forgotten what it could not write. */
  #doubtful = false;

  private constructor(
    readonly directory: string,
    readonly start: SegmentStart,
  ) {
    this.entries = new EntryTable(start.first, start.line);
    this.source = this.#writtenSource = start.source;
    this.lost = start.lost;
    this.#files = new SegmentFiles(directory, start.first);
    this.#written = start.first;
    this.#synced = start.first;
  }

  /** Begins a segment. There are no files until the first {@link write}. */
  static begin(directory: string, start: SegmentStart): RawSegment {
    const segment = new RawSegment(directory, start);
    segment.#records.push(startRecord(start));
    if (start.boot) {
      segment.beginBoot(start.boot);
      for (const { stage, atMicros } of start.boot.stages) segment.reachStage(stage, atMicros);
    }
    return segment;
  }

  /**
   * Opens what is in the files, and cuts off what a crash left half written.
   * @returns undefined when not even the first group is whole; the files are gone then
   */
  static async recover(
    directory: string,
    first: number,
  ): Promise<{ segment: RawSegment; contents: RawContents } | undefined> {
    const bytesPath = segmentPath(directory, first, "bytes");
    const indexPath = segmentPath(directory, first, "index");
    const contents = readRawIndex(
      first,
      await readFile(indexPath, "latin1").catch(whenMissing("")),
      await readFile(bytesPath).catch(whenMissing(Buffer.alloc(0))),
    );
    if (!contents) {
      await new SegmentFiles(directory, first).unlink();
      return undefined;
    }
    const segment = new RawSegment(directory, contents.start);
    segment.#take(contents);
    await segment.#files.open();
    await segment.#files.cut(contents.end - first, contents.indexLength);
    // A crash of the process alone leaves bytes that nobody has yet asked the disk to keep.
    await segment.#files.syncBytes();
    await segment.#files.syncIndex();
    return { segment, contents };
  }

  get first(): number {
    return this.start.first;
  }

  get end(): number {
    return this.entries.end;
  }

  get line(): number {
    return this.start.line;
  }

  get endLine(): number {
    return this.entries.endLine;
  }

  get firstMicros(): number | undefined {
    return this.entries.firstMicros;
  }

  get lastMicros(): number | undefined {
    return this.entries.lastMicros;
  }

  get bootRecords(): readonly BootRecord[] {
    return this.boots.records;
  }

  /** Whether everything that was appended is on the disk. */
  get isSynced(): boolean {
    return (
      !this.isDirty && this.#synced === this.end && this.#syncedIndexLength === this.#indexLength
    );
  }

  /** Whether something waits to be written. */
  get isDirty(): boolean {
    return this.#records.length > 0 || this.#inFlight;
  }

  /** Memory that waits for the disk. */
  get waitingCost(): number {
    return this.#waitingCost;
  }

  get bytesOnDisk(): number {
    return this.#written - this.first + this.#indexLength;
  }

  append(bytes: Buffer, atMicros: number): void {
    const lineFeeds = countLineFeeds(bytes);
    this.entries.add(bytes.length, lineFeeds, atMicros);
    this.#chunks.push(bytes);
    this.#waitingCost += bytes.length + RUN_COST_BYTES;
    this.#records.push(bytesRecord(atMicros, bytes.length, lineFeeds));
  }

  note(note: LogNote, shiftMicros: number): void {
    this.entries.notes.push(note);
    if (note.kind === "gap") this.lost += note.lost ?? 0;
    this.#records.push(noteRecord(note, shiftMicros));
    this.#waitingCost += RUN_COST_BYTES;
  }

  beginBoot(boot: Omit<BootRecord, "stages">): void {
    this.boots.begin(boot);
    this.#records.push(bootRecord(boot));
  }

  reachStage(stage: ConsoleStage, atMicros: number): void {
    this.boots.reach(stage, atMicros);
    this.#records.push(stageRecord(stage, atMicros));
  }

  /** Writes all that waits. Not to be called again before it has ended. @throws what the disk says; nothing is lost then */
  async write(): Promise<void> {
    const chunks = (this.#writing = this.#chunks);
    const records = this.#records;
    if (records.length === 0) return;
    const cost = this.#waitingCost;
    const end = this.end;
    const source = this.source;
    this.#chunks = [];
    this.#records = [];
    this.#inFlight = true;
    try {
      const files = await this.#files.open();
      let dataCrc = 0;
      for (const chunk of chunks) dataCrc = crc32(chunk, dataCrc);
      const text = groupText(records.join(""), { end, source, synced: this.#synced, dataCrc });
      await writeAll(files.bytes, chunks, this.#written - this.first);
      await writeAll(files.index, [Buffer.from(text, "latin1")], this.#indexLength);
      this.#written = end;
      this.#indexLength += text.length;
      this.#writtenSource = source;
      this.#waitingCost -= cost;
      this.#writing = [];
    } catch (cause) {
      this.#writing = [];
      this.#chunks = [...chunks, ...this.#chunks];
      this.#records = [...records, ...this.#records];
      await this.#files.cut(this.#written - this.first, this.#indexLength).catch(() => undefined);
      throw cause;
    } finally {
      this.#inFlight = false;
    }
  }

  /**
   * Brings what is written to the disk. After a sync that failed all since the last one is written again first.
   * @returns where in the source that is
   * @throws what the disk says · SegmentDoubt, once, where what was written cannot be read any more
   */
  async sync(): Promise<SourcePosition | undefined> {
    const source = this.#writtenSource;
    const written = this.#written;
    const indexLength = this.#indexLength;
    if (this.#doubtful) await this.#writeAgain(written, indexLength);
    try {
      if (written > this.#synced) await this.#files.syncBytes();
      if (indexLength !== this.#syncedIndexLength) await this.#files.syncIndex();
    } catch (cause) {
      this.#doubtful = true;
      throw cause;
    }
    this.#doubtful = false;
    this.#synced = written;
    this.#syncedIndexLength = indexLength;
    return source;
  }

  /** Linux counts a page that it could not write as written: only what is written anew is tried again. */
  async #writeAgain(written: number, indexLength: number): Promise<void> {
    const bytesAt = this.#synced - this.first;
    const indexAt = this.#syncedIndexLength;
    const { bytes, index } = await this.#files.readBack(
      [bytesAt, written - this.#synced],
      [indexAt, indexLength - indexAt],
    );
    if (!isWhole(index, bytes, this.#synced, written)) {
      this.#doubtful = false;
      throw new SegmentDoubt("what was written cannot be read any more");
    }
    const files = await this.#files.open();
    await writeAll(files.bytes, [bytes], bytesAt);
    await writeAll(files.index, [index], indexAt);
  }

  async items(
    cursor: SegmentCursor,
    maxBytes: number,
  ): Promise<{ items: readonly LogItem[]; cursor: SegmentCursor }> {
    const from = cursor.position;
    const bytes = from < this.end ? await this.read(from, maxBytes) : Buffer.alloc(0);
    return itemsOf(this.entries, cursor, from + bytes.length, (at, to) =>
      bytes.subarray(at - from, to - from),
    );
  }

  async positionOfLine(line: number): Promise<number> {
    const index = this.entries.indexBeforeLine(line);
    if (index < 0) return this.first;
    let position = this.entries.positions[index] as number;
    const end = this.entries.endOf(index);
    let left = line - (this.entries.lines[index] as number);
    while (position < end && left > 0) {
      const bytes = await this.read(position, end - position);
      const feeds = countLineFeeds(bytes);
      if (feeds >= left) return position + afterLineFeed(bytes, left);
      left -= feeds;
      position += bytes.length;
    }
    return position;
  }

  async lineAt(position: number): Promise<number> {
    const index = this.entries.indexOf(position);
    if (index < 0) return this.line;
    let at = this.entries.positions[index] as number;
    let line = this.entries.lines[index] as number;
    while (at < position) {
      const bytes = await this.read(at, position - at);
      line += countLineFeeds(bytes);
      at += bytes.length;
    }
    return line;
  }

  positionAtTime(micros: number): Promise<number> {
    return Promise.resolve(this.entries.positionAtTime(micros));
  }

  /** Bytes from a position on, at most so many; fewer where file and memory meet. */
  async read(position: number, maxBytes: number): Promise<Buffer> {
    const length = Math.min(maxBytes, this.end - position);
    if (position >= this.#written) return this.#readMemory(position, length);
    return this.#files.read(position - this.first, Math.min(length, this.#written - position));
  }

  /** Copies what is not in the file yet: for a search in another thread. */
  unwritten(): { readonly position: number; readonly bytes: Buffer } {
    return {
      position: this.#written,
      bytes: Buffer.concat([...this.#writing, ...this.#chunks]),
    };
  }

  /** Closes the files once nobody reads. */
  close(): Promise<void> {
    return this.#files.close();
  }

  /** Closes and deletes. */
  async discard(): Promise<void> {
    await this.close();
    await this.#files.unlink();
  }

  #readMemory(position: number, length: number): Buffer {
    let at = this.#written;
    const parts: Buffer[] = [];
    let left = length;
    for (const list of [this.#writing, this.#chunks]) {
      for (const chunk of list) {
        const from = Math.max(0, position - at);
        if (from < chunk.length && left > 0) {
          const part = chunk.subarray(from, from + left);
          parts.push(part);
          left -= part.length;
        }
        at += chunk.length;
        if (left === 0) return parts.length === 1 ? (parts[0] as Buffer) : Buffer.concat(parts);
      }
    }
    return Buffer.concat(parts);
  }

  #take(contents: RawContents): void {
    contents.describe(this.entries, this.boots);
    this.source = this.#writtenSource = contents.source;
    this.lost = contents.lost;
    this.#written = this.#synced = contents.end;
    this.#indexLength = this.#syncedIndexLength = contents.indexLength;
  }
}
