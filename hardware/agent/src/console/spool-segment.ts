import { open, type FileHandle } from "node:fs/promises";
import { nextAfter } from "@outrider/console-link/console-stream";
import { addLoss, lossOf, startOf, type SpoolGap, type SpoolItem } from "./spool-item.js";
import { decodeRecord, readSegmentHead, SEGMENT_HEAD_BYTES } from "./spool-record.js";

/** A file of the spool: items in order, without holes. */
export interface Segment {
  readonly path: string;
  /** Number of its first item. */
  readonly base: number;
  /** Number after its last item; undefined: not read yet. */
  end: number | undefined;
  /** What of the file is whole. */
  bytes: number;
}

const BLOCK_BYTES = 65_536;

/** Reads items of a segment in order, a block at a time. Holds the file open, so that it can be deleted meanwhile. */
export class SegmentReader implements AsyncDisposable {
  readonly #segment: Segment;
  readonly #handle: FileHandle;
  #block = Buffer.alloc(0);
  /** Where in the file the block begins, and where in it the next record does. */
  #blockAt = SEGMENT_HEAD_BYTES;
  #at = 0;
  /** Number of the next item. */
  next: number;
  /** When the spool was closed, if that is what the last record read says. */
  closedMicros: number | undefined;

  private constructor(segment: Segment, handle: FileHandle) {
    this.#segment = segment;
    this.#handle = handle;
    this.next = segment.base;
  }

  /** @throws the system's error */
  static async open(segment: Segment): Promise<SegmentReader> {
    return new SegmentReader(segment, await open(segment.path, "r"));
  }

  get base(): number {
    return this.#segment.base;
  }

  /** Position in the file of the next record. */
  get position(): number {
    return this.#blockAt + this.#at;
  }

  /**
   * The next item; undefined at the end of what is whole. Items of one block are views of it.
   * @throws the system's error
   */
  async item(): Promise<SpoolItem | undefined> {
    for (;;) {
      const decoded = decodeRecord(this.#block, this.#at);
      switch (decoded.what) {
        case "item":
          if (startOf(decoded.item) !== this.next) return undefined;
          this.#at = decoded.end;
          this.next = nextAfter(decoded.item);
          this.closedMicros = undefined;
          return decoded.item;
        case "closed":
          this.#at = decoded.end;
          this.closedMicros = decoded.atMicros;
          break;
        case "torn":
          return undefined;
        case "short":
          if (!(await this.#more(decoded.bytes))) return undefined;
      }
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#handle.close();
  }

  /** @returns whether there are so many bytes at the next record */
  async #more(bytes: number): Promise<boolean> {
    this.#blockAt += this.#at;
    this.#at = 0;
    const length = Math.min(
      Math.max(BLOCK_BYTES, bytes),
      Math.max(0, this.#segment.bytes - this.#blockAt),
    );
    // A new one, because items that were handed out are views of the old one.
    const block = Buffer.allocUnsafe(length);
    const { bytesRead } = await this.#handle.read(block, 0, length, this.#blockAt);
    this.#block = block.subarray(0, bytesRead);
    return bytesRead >= bytes;
  }
}

/** Reads a file's head. Undefined when it is no segment. @throws the system's error */
export async function segmentAt(
  path: string,
): Promise<(Segment & { readonly stream: string }) | undefined> {
  await using handle = await open(path, "r");
  const head = Buffer.alloc(SEGMENT_HEAD_BYTES);
  await handle.read(head, 0, head.length, 0);
  const said = readSegmentHead(head);
  const { size } = await handle.stat();
  return said && { path, base: said.base, stream: said.stream, end: undefined, bytes: size };
}

/** Finds where the whole part of a segment ends, and when its last item was. @throws the system's error */
export async function measureSegment(
  segment: Segment,
): Promise<{ readonly lastMicros: number | undefined; readonly closed: boolean }> {
  await using reader = await SegmentReader.open(segment);
  let lastMicros: number | undefined;
  for (;;) {
    const item = await reader.item();
    if (!item) break;
    lastMicros = item.kind === "gap" ? item.toMicros : item.atMicros;
  }
  segment.end = reader.next;
  segment.bytes = reader.position;
  return {
    lastMicros: reader.closedMicros ?? lastMicros,
    closed: reader.closedMicros !== undefined,
  };
}

/**
 * What is lost with a segment that is deleted, up to the next one.
 * @throws the system's error
 */
export async function lossOfSegment(segment: Segment, nextBase: number): Promise<SpoolGap[]> {
  const losses: SpoolGap[] = [];
  let last: SpoolItem | undefined;
  await using reader = await SegmentReader.open(segment);
  for (;;) {
    const item = await reader.item();
    if (!item) break;
    last = item;
    addLoss(losses, lossOf(item, "spool-overflow"));
  }
  if (reader.next < nextBase) addLoss(losses, unknownLoss(reader.next, nextBase, last));
  return losses;
}

/** Numbers of which the file does not tell what they were. */
export function unknownLoss(start: number, offset: number, before?: SpoolItem): SpoolGap {
  const micros = before ? (before.kind === "gap" ? before.toMicros : before.atMicros) : 0;
  return {
    kind: "gap",
    start,
    offset,
    lost: undefined,
    reason: "spool-failed",
    fromMicros: micros,
    toMicros: micros,
  };
}
