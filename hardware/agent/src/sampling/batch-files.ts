import { mkdir, open, readdir, readFile, type FileHandle } from "node:fs/promises";
import { join } from "node:path";
import { remove, writeAll } from "../file-steps.js";
import {
  decodeRecord,
  encodeRecord,
  readSegmentHead,
  SEGMENT_HEAD_BYTES,
  segmentHead,
  type BatchRecord,
  type Closed,
  type FileRecord,
} from "./batch-record.js";
import type { Drop } from "./drops.js";

const ENDING = ".readings";
const SEGMENTS = 64;
/** Each start makes a file: of starts that say little there may be more. */
const MOST_SEGMENTS = 4 * SEGMENTS;
/** Smaller files cost more than they are worth. */
const SMALLEST_SEGMENT_BYTES = 65_536;
/** No file holds so many batches: a number that is so much higher was chosen by who could not look at what was there. */
const BLIND_GAP = 2 ** 24;

interface Segment {
  readonly path: string;
  /** Number of the first batch that may be in it. */
  readonly base: number;
  /** What of the file is written; of one that a process before this one made, its size. */
  bytes: number;
}

/** What a process before this one left. */
export interface FoundBatches {
  readonly files: BatchFiles;
  /** Number of the last batch, or less than any. */
  readonly last: number;
  /** Undefined: it was not closed in order. */
  readonly closed: Closed | undefined;
  readonly drops: readonly Drop[];
  /** What the last file says of a spool that was there when the others were begun beside it, without looking at it. */
  readonly unseen: Omit<FoundBatches, "files" | "unseen"> | undefined;
}

/** What had to go for the bound, and from which number on. */
export interface Gone {
  readonly from: number;
  readonly drop: Drop;
}

/**
 * Numbered batches on disk, in files of a part of the bound each, the oldest of which goes first. One call at a time.
 * Everything may throw the system's error, after which the same call may be repeated.
 */
export class BatchFiles implements AsyncDisposable {
  #segments: Segment[] = [];
  #active: FileHandle | undefined;
  /** Of the segment that was read last, as its file was then. */
  #read: { readonly segment: Segment; readonly bytes: number; records: BatchRecord[] } | undefined;

  constructor(
    private readonly directory: string,
    private spoolId: string,
    private readonly limitBytes: number,
  ) {}

  /** Looks at what is there. Undefined: nothing, or nothing that can be gone on with. */
  static async find(directory: string, limitBytes: number): Promise<FoundBatches | undefined> {
    await mkdir(directory, { recursive: true, mode: 0o700 });
    const names = (await readdir(directory)).filter((name) => name.endsWith(ENDING)).toSorted();
    const found: { readonly segment: Segment; readonly spool: string }[] = [];
    for (const name of names) {
      const path = join(directory, name);
      const head = await headOf(path);
      if (head)
        found.push({ segment: { path, base: head.base, bytes: head.bytes }, spool: head.spool });
      else await remove(path);
    }
    const newest = found.at(-1);
    if (!newest) return undefined;
    const files = new BatchFiles(directory, newest.spool, limitBytes);
    // Those of a former id have lower numbers, and go on under the newest.
    files.#segments = found.map(({ segment }) => segment);
    const begun = found.findIndex(({ segment, spool }, at) => {
      const before = found[at - 1];
      return before && before.spool !== spool && segment.base - before.segment.base > BLIND_GAP;
    });
    const unseen = found[begun - 1]?.segment;
    return {
      files,
      ...(await files.#leftIn(newest.segment)),
      unseen: unseen && (await files.#leftIn(unseen)),
    };
  }

  /** What the newest file of a spool says of all. */
  async #leftIn(segment: Segment): Promise<Omit<FoundBatches, "files" | "unseen">> {
    let last = segment.base - 1;
    let closed: Closed | undefined;
    let drops: readonly Drop[] = [];
    for (const one of await this.#records(segment)) {
      closed = one.kind === "closed" ? one.closed : undefined;
      if (one.kind === "batch") last = one.record.seq;
      if (one.kind === "drops") drops = one.drops;
    }
    return { last, closed, drops };
  }

  /** The id under which its numbers are acknowledged. */
  get spool(): string {
    return this.spoolId;
  }

  /** Bytes on disk. */
  get bytes(): number {
    return this.#segments.reduce((sum, { bytes }) => sum + bytes, 0);
  }

  /** About how much one file holds, and so the most that is to be appended at once. */
  get segmentBytes(): number {
    return Math.max(SMALLEST_SEGMENT_BYTES, Math.floor(this.limitBytes / SEGMENTS));
  }

  /**
   * Makes a file for what follows and brings it to the disk itself: no number that this process uses may be used by
   * another, whatever happens to the power.
   */
  async begin(base: number, drops: readonly Drop[]): Promise<void> {
    await this.#open(base, drops);
    await this.#active?.sync();
    const folder = await open(this.directory, "r");
    try {
      await folder.sync();
    } finally {
      await folder.close();
    }
  }

  /** Has all that is there, and what follows from a number on, be of another id. */
  async renew(spool: string, base: number, drops: readonly Drop[]): Promise<void> {
    this.spoolId = spool;
    await this.begin(base, drops);
  }

  /**
   * Puts batches behind those that are there.
   * @param drops what is to be told
   * @param changed whether that differs from the last time
   */
  async append(
    records: readonly BatchRecord[],
    drops: readonly Drop[],
    changed: boolean,
  ): Promise<void> {
    const [first] = records;
    if (!first) return;
    const batches = records.map((record) => encodeRecord({ kind: "batch", record }));
    const bytes = batches.reduce((sum, { length }) => sum + length, 0);
    const last = this.#segments.at(-1);
    const isFull = last !== undefined && last.bytes + bytes > this.segmentBytes;
    if (!last || !this.#active || (isFull && last.base < first.seq)) {
      await this.#open(first.seq, drops);
      await this.#write(Buffer.concat(batches));
    } else {
      const told = changed ? [encodeRecord({ kind: "drops", drops })] : [];
      await this.#write(Buffer.concat([...told, ...batches]));
    }
  }

  /** Says that all that is not acknowledged is in there. */
  async close(closed: Closed, drops: readonly Drop[]): Promise<void> {
    const last = [{ kind: "drops", drops } as const, { kind: "closed", closed } as const];
    if (this.#active) await this.#write(Buffer.concat(last.map(encodeRecord)));
  }

  /** Deletes the oldest files until there is room for another within the bound. @param acknowledged what is lower is no loss */
  async makeRoom(acknowledged: number): Promise<Gone | undefined> {
    let gone: Gone | undefined;
    const isTooMuch = (): boolean =>
      this.bytes > this.limitBytes - this.segmentBytes || this.#segments.length > MOST_SEGMENTS;
    while (this.#segments.length > 1 && isTooMuch()) {
      const [oldest, next] = this.#segments as [Segment, Segment];
      const lost = (await this.#batches(oldest).catch(() => [])).filter(
        ({ seq }) => seq > acknowledged,
      );
      await remove(oldest.path);
      this.#segments.shift();
      const [first] = lost;
      if (!first) continue;
      gone = {
        from: gone?.from ?? first.seq,
        drop: {
          before: next.base,
          readings: lost.reduce((sum, { readings }) => sum + readings, gone?.drop.readings ?? 0),
          sinceMs: Math.min(gone?.drop.sinceMs ?? Infinity, ...lost.map((one) => one.sinceMs)),
          untilMs: Math.max(gone?.drop.untilMs ?? -Infinity, ...lost.map((one) => one.untilMs)),
        },
      };
    }
    return gone;
  }

  /** Whether there is anything to {@link forget}. */
  canForget(acknowledged: number): boolean {
    const next = this.#segments[1];
    return next !== undefined && next.base <= acknowledged + 1;
  }

  /** Deletes what is acknowledged: whole files, the last one never. */
  async forget(acknowledged: number): Promise<void> {
    while (this.canForget(acknowledged)) {
      await remove(this.#segments[0]?.path ?? "");
      this.#segments.shift();
    }
  }

  /** Batches from a number on, of one file; none: there are no more. A file that is damaged ends where it is. */
  async read(from: number): Promise<readonly BatchRecord[]> {
    const at = this.#segments.findLastIndex(({ base }) => base <= from);
    for (const segment of this.#segments.slice(Math.max(0, at))) {
      const records = (await this.#batches(segment)).filter(({ seq }) => seq >= from);
      if (records.length > 0) return records;
    }
    return [];
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const active = this.#active;
    this.#active = undefined;
    await active?.close();
  }

  async #batches(segment: Segment): Promise<readonly BatchRecord[]> {
    const { bytes } = segment;
    if (this.#read?.segment !== segment || this.#read.bytes !== bytes) {
      const all = await this.#records(segment);
      const records = all.flatMap((one) => (one.kind === "batch" ? [one.record] : []));
      this.#read = { segment, bytes, records };
    }
    return this.#read.records;
  }

  async #records(segment: Segment): Promise<FileRecord[]> {
    const whole = (await readFile(segment.path)).subarray(0, segment.bytes);
    const records: FileRecord[] = [];
    let at = SEGMENT_HEAD_BYTES;
    for (let next = decodeRecord(whole, at); next; next = decodeRecord(whole, at)) {
      records.push(next.one);
      at = next.end;
    }
    return records;
  }

  async #open(base: number, drops: readonly Drop[]): Promise<void> {
    const path = join(this.directory, `${String(base).padStart(16, "0")}${ENDING}`);
    await mkdir(this.directory, { recursive: true, mode: 0o700 });
    const handle = await open(path, "w", 0o600);
    const told = drops.length > 0 ? [encodeRecord({ kind: "drops", drops })] : [];
    const head = Buffer.concat([segmentHead(this.spoolId, base), ...told]);
    try {
      await writeAll(handle, head, 0);
    } catch (error) {
      await handle.close();
      await remove(path);
      throw error;
    }
    await this.#active?.close();
    this.#active = handle;
    this.#segments = this.#segments.filter((one) => one.path !== path);
    this.#segments.push({ path, base, bytes: head.length });
  }

  /** What failed in the middle is written over. */
  async #write(bytes: Buffer): Promise<void> {
    const last = this.#segments.at(-1);
    if (!last || !this.#active) throw new Error("there is no file to write to");
    await writeAll(this.#active, bytes, last.bytes);
    last.bytes += bytes.length;
  }
}

/** Undefined when it is none of ours. */
async function headOf(
  path: string,
): Promise<{ readonly spool: string; readonly base: number; readonly bytes: number } | undefined> {
  const handle = await open(path, "r");
  try {
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(SEGMENT_HEAD_BYTES));
    const head = readSegmentHead(buffer.subarray(0, bytesRead));
    return head && { ...head, bytes: (await handle.stat()).size };
  } finally {
    await handle.close();
  }
}
