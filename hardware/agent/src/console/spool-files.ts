import { mkdir, open, readdir, rename, rm, type FileHandle } from "node:fs/promises";
import { join } from "node:path";
import { nextAfter, type StreamItem } from "@outrider/console-link/console-stream";
import { remove, writeAll } from "../file-steps.js";
import { itemsFrom, startOf, type SpoolItem } from "./spool-item.js";
import { LOSSES, SpoolLosses } from "./spool-losses.js";
import { encodeRecords, SEGMENT_HEAD_BYTES, segmentHead, type Closed } from "./spool-record.js";
import {
  lossOfSegment,
  measureSegment,
  segmentAt,
  SegmentReader,
  unknownLoss,
  type Segment,
} from "./spool-segment.js";

const ENDING = ".spool";
const SEGMENTS_PER_SPOOL = 64;
/** Smaller files cost more than they are worth. */
const SMALLEST_SEGMENT_BYTES = 65_536;

/** What was found on disk. */
export interface FoundSpool {
  readonly stream: string;
  /** Number after the last item. */
  readonly next: number;
  /** When that came, or when the spool was closed. */
  readonly lastMicros: number | undefined;
  readonly closed: boolean;
}

/**
 * One console's items on disk, in segments, up to a bound. One call of {@link append} or {@link forget} at a time; reads
 * go on beside them, one after the other. Everything may throw the system's error, after which the same call may be repeated.
 */
export class SpoolFiles implements AsyncDisposable {
  readonly #directory: string;
  readonly #limitBytes: number;
  readonly #segments: Segment[] = [];
  readonly #losses: SpoolLosses;
  #active: FileHandle | undefined;
  #reader: SegmentReader | undefined;
  /** Reads are one after the other: they share a reader. */
  #reading: Promise<unknown> = Promise.resolve();
  /** Number after the last item that was written. */
  #end = 0;
  /** Set when the last segment was found damaged: nothing goes behind the damage. */
  #spoiled = false;

  constructor(
    directory: string,
    readonly stream: string,
    limitBytes: number,
  ) {
    this.#directory = directory;
    this.#limitBytes = limitBytes;
    this.#losses = new SpoolLosses(directory);
  }

  /** Looks at what is there. Undefined: nothing, or nothing that can be gone on with. */
  static async find(
    directory: string,
    limitBytes: number,
  ): Promise<{ readonly files: SpoolFiles; readonly found: FoundSpool } | undefined> {
    await mkdir(directory, { recursive: true, mode: 0o700 });
    const names = (await readdir(directory)).filter((name) => name.endsWith(ENDING)).toSorted();
    const all: Awaited<ReturnType<typeof segmentAt>>[] = [];
    // One after the other: many spools with many files are too many to have open at once.
    for (const name of names) all.push(await segmentAt(join(directory, name)));
    const last = all.findLast((one) => one !== undefined);
    if (!last) return undefined;
    const files = new SpoolFiles(directory, last.stream, limitBytes);
    for (const [at, one] of all.entries()) {
      if (one?.stream === last.stream) files.#segments.push(one);
      else await remove(join(directory, names[at] ?? ""));
    }
    const { lastMicros, closed } = await measureSegment(files.#last as Segment);
    files.#end = files.#last?.end ?? 0;
    await files.#losses.load(files.first ?? 0);
    return { files, found: { stream: last.stream, next: files.#end, lastMicros, closed } };
  }

  /** Number of the oldest item that is on disk; undefined: none is. */
  get first(): number | undefined {
    return this.#segments[0]?.base;
  }

  get end(): number {
    return this.#end;
  }

  /** Makes the first file of a new spool. */
  async begin(): Promise<void> {
    await this.#open(0);
  }

  /** Puts items after those that are there, and gives up the oldest segments where there is no room for them. */
  async append(items: readonly (SpoolItem | Closed)[]): Promise<void> {
    const [first] = items;
    if (!first) return;
    const records = encodeRecords(items);
    const start = first.kind === "closed" ? this.#end : startOf(first);
    let last = this.#last;
    const full = last && last.bytes + records.length > this.segmentBytes;
    const follows = start === this.#end && !this.#spoiled;
    const fits = !full || last?.bytes === SEGMENT_HEAD_BYTES;
    if (!last || !this.#active || !follows || !fits) last = await this.#open(start);
    await writeAll(this.#active as FileHandle, records, last.bytes);
    last.bytes += records.length;
    for (const item of items) if (item.kind !== "closed") this.#end = nextAfter(item);
    last.end = this.#end;
    // The items are there now: what fails here is done with the next ones.
    await this.#makeRoom().catch(() => undefined);
  }

  /** About how much one file holds, and so the most that is to be appended at once. */
  get segmentBytes(): number {
    return Math.max(SMALLEST_SEGMENT_BYTES, Math.floor(this.#limitBytes / SEGMENTS_PER_SPOOL));
  }

  /** Whether there is anything to {@link forget}. */
  canForget(acknowledged: number): boolean {
    const next = this.#segments[1];
    return next !== undefined && next.base <= acknowledged;
  }

  /** Where the next segment begins after the one that a number is in, or where the last one ends. */
  baseAfter(from: number): number {
    return this.#segments.find((one) => one.base > from)?.base ?? this.#end;
  }

  /** Deletes what the service has stored: whole segments before a number, the last one never. */
  async forget(acknowledged: number): Promise<void> {
    this.#losses.forget(acknowledged);
    for (;;) {
      const [oldest, next] = this.#segments;
      if (!oldest || !next || next.base > acknowledged) return;
      await remove(oldest.path);
      this.#segments.shift();
      this.#letGo(oldest);
    }
  }

  /**
   * Items at and after `from`, at most so many bytes; empty: there is nothing there on disk.
   * @param known from where on they are to be had elsewhere, so that damage beyond that is none
   */
  read(from: number, maxBytes: number, known: number): Promise<readonly StreamItem[]> {
    return this.#inTurn(() => this.#read(from, maxBytes, known));
  }

  async #read(from: number, maxBytes: number, known: number): Promise<readonly StreamItem[]> {
    for (;;) {
      const lost = this.#losses.read(from, maxBytes);
      if (lost.length > 0) return lost;
      const [oldest] = this.#segments;
      if (!oldest || from >= this.#end) return [];
      // Given up after the service had it, and asked for all the same: a service that lost what it had.
      if (from < oldest.base) return itemsFrom([unknownLoss(from, oldest.base)], from, maxBytes);
      try {
        return await this.#readSegments(from, maxBytes, known);
      } catch (error) {
        // Deleted between looking and opening: look again.
        if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
        await this.#closeReader();
        const gone = this.#segments.findIndex(
          (one) => one.base <= from && !(this.#baseAfter(one) <= from),
        );
        const segment = this.#segments[gone];
        if (segment && (await isMissing(segment.path))) this.#segments.splice(gone, 1);
      }
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#inTurn(() => this.#closeReader());
    await this.#active?.close();
    this.#active = undefined;
  }

  get #last(): Segment | undefined {
    return this.#segments.at(-1);
  }

  #baseAfter(segment: Segment): number {
    return this.#segments[this.#segments.indexOf(segment) + 1]?.base ?? this.#end;
  }

  async #readSegments(
    from: number,
    maxBytes: number,
    known: number,
  ): Promise<readonly StreamItem[]> {
    const segment = this.#segments.findLast((one) => one.base <= from) as Segment;
    if (this.#reader?.base !== segment.base || this.#reader.next > from) {
      await this.#closeReader();
      this.#reader = await SegmentReader.open(segment);
    }
    const reader = this.#reader;
    const items: SpoolItem[] = [];
    let bytes = 0;
    while (bytes < maxBytes) {
      const item = await reader.item();
      if (!item) {
        // What a damaged file does not tell any more, up to the next one.
        const base = this.#baseAfter(segment);
        if (reader.next < base && items.length === 0) {
          this.#spoiled ||= segment === this.#last;
          await this.#closeReader();
          const start = Math.max(from, reader.next);
          return itemsFrom(
            [unknownLoss(start, Math.max(start + 1, Math.min(base, known)))],
            from,
            maxBytes,
          );
        }
        break;
      }
      if (nextAfter(item) <= from) continue;
      items.push(item);
      bytes += item.kind === "bytes" ? item.bytes.length : 32;
    }
    return itemsFrom(items, from, Number.POSITIVE_INFINITY);
  }

  /** Goes on in a new file, or in the last one after a start. */
  async #open(start: number): Promise<Segment> {
    const last = this.#last;
    if (last && !this.#active && !this.#spoiled && start === this.#end) {
      this.#active = await open(last.path, "r+");
      // What a crash tore is cut off, so that nothing of it can ever be taken for a record.
      await this.#active.truncate(last.bytes);
      return last;
    }
    const path = join(this.#directory, `${String(start).padStart(16, "0")}${ENDING}`);
    await mkdir(this.#directory, { recursive: true, mode: 0o700 });
    const handle = await open(path, "w+", 0o600);
    try {
      await writeAll(handle, segmentHead(this.stream, start), 0);
    } catch (error) {
      await handle.close();
      throw error;
    }
    await this.#active?.close();
    this.#active = handle;
    const segment = { path, base: start, end: start, bytes: SEGMENT_HEAD_BYTES };
    // One that was begun at the same number and failed is this one.
    if (last?.base === start) this.#segments.pop();
    this.#segments.push(segment);
    this.#spoiled = false;
    return segment;
  }

  async #makeRoom(): Promise<void> {
    const sum = (): number => this.#segments.reduce((bytes, one) => bytes + one.bytes, 0);
    while (this.#segments.length > 1 && sum() > this.#limitBytes) {
      const [oldest, next] = this.#segments as [Segment, Segment];
      const losses = await lossOfSegment(oldest, next.base).catch(() => [
        unknownLoss(oldest.base, next.base),
      ]);
      this.#segments.shift();
      // Even when that is not possible: the bound holds, and a list that is missing leaves a gap of unknown size.
      await this.#losses.add(losses).catch(() => undefined);
      this.#letGo(oldest);
      await remove(oldest.path);
    }
    await this.#losses.note();
  }

  #inTurn<T>(run: () => Promise<T>): Promise<T> {
    const turn = this.#reading.then(run);
    this.#reading = turn.catch(() => undefined);
    return turn;
  }

  /** A file that is deleted takes up room until nobody has it open. */
  #letGo({ base }: Segment): void {
    if (this.#reader?.base !== base) return;
    void this.#inTurn(async () => {
      if (this.#reader?.base === base) await this.#closeReader();
    }).catch(() => undefined);
  }

  async #closeReader(): Promise<void> {
    const reader = this.#reader;
    this.#reader = undefined;
    await reader?.[Symbol.asyncDispose]();
  }
}

/** Deletes files of spools that cannot be gone on with. */
export async function removeSpool(directory: string): Promise<void> {
  for (const name of await readdir(directory)) {
    if (name.endsWith(ENDING) || name === LOSSES) await remove(join(directory, name));
  }
}

/** Makes room for a new spool where the one that is there cannot be opened. One such is kept, for whoever can read it. */
export async function setSpoolAside(directory: string): Promise<void> {
  const aside = `${directory}.unreadable`;
  await rm(aside, { recursive: true, force: true });
  try {
    await rename(directory, aside);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
  }
}

async function isMissing(path: string): Promise<boolean> {
  return open(path, "r").then(
    async (handle) => {
      await handle.close();
      return false;
    },
    (error: NodeJS.ErrnoException) => error.code === "ENOENT",
  );
}
