import { open, unlink, type FileHandle } from "node:fs/promises";
import { promisify } from "node:util";
import { zstdDecompress } from "node:zlib";
import { BootList } from "./boot-list.js";
import { EntryTable, countLineFeeds, firstWhere } from "./entry-table.js";
import { readRecords, type BootRecord } from "./index-text.js";
import type { LogItem } from "./log-format.js";
import { fill } from "./raw-index.js";
import {
  TRAILER_BYTES,
  blocksOf,
  parseDirectory,
  readTrailer,
  type SealedBlock,
  type SealedDirectory,
} from "./sealed-format.js";
import {
  SegmentGone,
  afterLineFeed,
  itemsOf,
  type Segment,
  type SegmentCursor,
} from "./segment.js";
import { segmentPath } from "./segment-name.js";
import { whenMissing } from "./when-missing.js";

const decompress = promisify(zstdDecompress);

/** A block as it was: undefined bytes when the file is damaged there. */
interface LoadedBlock {
  readonly table: EntryTable;
  readonly bytes: Buffer | undefined;
}

/** Blocks that were read last, for readers that go through a block in steps. */
const recent = new Map<string, LoadedBlock>();
const RECENT_BLOCKS = 16;
let opened = 0;

/** A directory is some kilobytes: it is read in one go with the trailer. */
const TAIL_BYTES = 16_384;

/** A segment in one compressed file. Holds next to nothing in memory. */
export class SealedSegment implements Segment {
  readonly #id = opened++;
  readonly first: number;
  readonly end: number;
  readonly line: number;
  readonly endLine: number;
  readonly firstMicros: number | undefined;
  readonly lastMicros: number | undefined;
  readonly bootRecords: readonly BootRecord[];

  private constructor(
    readonly directory: string,
    readonly bytesOnDisk: number,
    readonly summary: Omit<SealedDirectory, "blocks" | "boots">,
    boots: readonly BootRecord[],
  ) {
    this.first = summary.first;
    this.end = summary.end;
    this.line = summary.line;
    this.endLine = summary.endLine;
    this.firstMicros = summary.firstMicros ?? undefined;
    this.lastMicros = summary.lastMicros ?? undefined;
    this.bootRecords = boots;
  }

  /** @returns undefined when the file is damaged at its end, or another one */
  static async open(directory: string, first: number): Promise<SealedSegment | undefined> {
    const file = await open(segmentPath(directory, first, "zst"), "r");
    try {
      const { size } = await file.stat();
      const read = await readDirectory(file, size);
      if (!read || read.first !== first) return undefined;
      const { blocks: _, boots, ...summary } = read;
      return new SealedSegment(directory, size, summary, boots);
    } finally {
      await file.close();
    }
  }

  async items(
    cursor: SegmentCursor,
    _maxBytes: number,
  ): Promise<{ items: readonly LogItem[]; cursor: SegmentCursor }> {
    return this.#withFile(async (file) => {
      const blocks = await this.#blocks(file);
      const index = Math.max(0, firstWhere(blocks, (block) => block.first > cursor.position) - 1);
      const block = blocks[index];
      if (!block) return { items: [], cursor };
      const loaded = await this.#load(file, block);
      const end = block.first + block.length;
      const { bytes } = loaded;
      if (!bytes && cursor.position < end) return lostBlock(block, cursor.position);
      const got = itemsOf(loaded.table, cursor, end, (from, to) =>
        (bytes as Buffer).subarray(from - block.first, to - block.first),
      );
      return got;
    });
  }

  async positionOfLine(line: number): Promise<number> {
    return this.#withFile(async (file) => {
      const blocks = await this.#blocks(file);
      const block = blocks[firstWhere(blocks, (candidate) => candidate.line >= line) - 1];
      if (!block) return this.first;
      const { bytes } = await this.#load(file, block);
      return block.first + (bytes ? afterLineFeed(bytes, line - block.line) : 0);
    });
  }

  async lineAt(position: number): Promise<number> {
    return this.#withFile(async (file) => {
      const blocks = await this.#blocks(file);
      const block = blocks[Math.max(0, firstWhere(blocks, (other) => other.first > position) - 1)];
      if (!block) return this.line;
      const { bytes } = await this.#load(file, block);
      return block.line + (bytes ? countLineFeeds(bytes.subarray(0, position - block.first)) : 0);
    });
  }

  async positionAtTime(micros: number): Promise<number> {
    return this.#withFile(async (file) => {
      const blocks = await this.#blocks(file);
      const block = blocks[firstWhere(blocks, (candidate) => candidate.lastMicros >= micros)];
      if (!block) return this.end;
      const { table } = await this.#load(file, block);
      return table.positionAtTime(micros);
    });
  }

  async discard(): Promise<void> {
    await unlink(segmentPath(this.directory, this.first, "zst")).catch(whenMissing(undefined));
  }

  async #withFile<T>(use: (file: FileHandle) => Promise<T>): Promise<T> {
    const file = await open(segmentPath(this.directory, this.first, "zst"), "r").catch(
      whenMissing(undefined),
    );
    if (!file) throw new SegmentGone(this.first);
    try {
      return await use(file);
    } finally {
      await file.close();
    }
  }

  async #blocks(file: FileHandle): Promise<SealedBlock[]> {
    const directory = await readDirectory(file, this.bytesOnDisk);
    return directory ? blocksOf(directory) : [];
  }

  async #load(file: FileHandle, block: SealedBlock): Promise<LoadedBlock> {
    const key = `${this.#id} ${block.first}`;
    const known = recent.get(key);
    if (known) return known;
    const table = new EntryTable(block.first, block.line);
    const records = await unpackAt(file, block.recordsAt, block.recordsSize);
    if (records) fill(readRecords(records.toString("latin1")), table, new BootList());
    const bytes = await unpackAt(file, block.at, block.size);
    const whole = bytes?.length === block.length && table.end === block.first + block.length;
    const loaded = { table, bytes: whole ? bytes : undefined };
    if (recent.size >= RECENT_BLOCKS) recent.delete(recent.keys().next().value as string);
    recent.set(key, loaded);
    return loaded;
  }
}

async function readDirectory(file: FileHandle, size: number): Promise<SealedDirectory | undefined> {
  let tail = await readAt(file, Math.max(0, size - TAIL_BYTES), Math.min(size, TAIL_BYTES));
  const trailer = readTrailer(tail);
  if (!trailer) return undefined;
  const wanted = trailer.length + TRAILER_BYTES;
  if (wanted > size) return undefined;
  if (wanted > tail.length) tail = await readAt(file, size - wanted, wanted);
  const json = tail.subarray(tail.length - wanted, tail.length - TRAILER_BYTES);
  return parseDirectory(json, trailer.crc);
}

async function readAt(file: FileHandle, at: number, length: number): Promise<Buffer> {
  const buffer = Buffer.allocUnsafe(length);
  const { bytesRead } = await file.read(buffer, 0, length, at);
  return buffer.subarray(0, bytesRead);
}

async function unpackAt(file: FileHandle, at: number, size: number): Promise<Buffer | undefined> {
  const frame = await readAt(file, at, size);
  return decompress(frame).catch(() => undefined);
}

function lostBlock(
  block: SealedBlock,
  position: number,
): { items: LogItem[]; cursor: SegmentCursor } {
  const end = block.first + block.length;
  return {
    items: [
      {
        kind: "gap",
        position,
        lost: end - position,
        reason: "log-lost",
        fromMicros: block.firstMicros,
        toMicros: block.lastMicros,
      },
    ],
    cursor: { position: end, notesDone: 0 },
  };
}
