import { mkdir, open, readdir } from "node:fs/promises";
import { join } from "node:path";
import type { Log } from "@outrider/messaging/log";
import { StoreError } from "../store.js";
import { PositionFile, type Position } from "./position-file.js";
import { packRecord, type SpoolRecord } from "./record.js";
import { Segment } from "./segment.js";

/** Small enough that the oldest can be dropped without much loss, and room comes back soon. */
const SEGMENT_BYTES = 8 * 1024 * 1024;
/** Compressed, of one delivery. */
const BATCH_BYTES = 4 * 1024 * 1024;
const ENDING = ".seg";

export interface SpoolOptions {
  readonly directory: string;
  readonly maximumBytes: number;
  readonly whenFull: "refuse" | "drop-oldest";
  readonly log: Log;
}

/** Records in the order in which they came, to be delivered together. */
export interface Batch {
  readonly records: readonly SpoolRecord[];
  readonly points: number;
  readonly end: Position;
}

/**
 * What is on its way to a database, on the disk until the database has it. Bounded; survives a kill and a loss of power.
 * One caller appends at a time, and one delivers.
 */
export class Spool {
  /** Points that were lost: dropped because there was no room, or damaged. */
  dropped = 0;
  readonly #options: SpoolOptions;
  readonly #segments: Segment[] = [];
  #offset = 0;
  #nextNumber = 1;
  #deliveredInFirst = 0;
  /** Places of damage that was told. */
  readonly #damaged = new Set<string>();
  /** The newest segment is one that this process made. */
  #isOpen = false;
  #isAppending = false;

  private constructor(
    options: SpoolOptions,
    private readonly position: PositionFile,
  ) {
    this.#options = options;
  }

  /** @throws Error when the folder cannot be used */
  static async open(options: SpoolOptions): Promise<Spool> {
    await mkdir(options.directory, { recursive: true, mode: 0o750 });
    const position = await PositionFile.open(join(options.directory, "position"));
    const spool = new Spool(options, position);
    await spool.#takeOver(await position.read());
    return spool;
  }

  get points(): number {
    return this.#segments.reduce((sum, { points }) => sum + points, 0) - this.#deliveredInFirst;
  }

  get bytes(): number {
    return this.#segments.reduce((sum, { bytes }) => sum + bytes, 0);
  }

  /** Resolves when the record is on the disk. @throws StoreError `full` */
  async append(record: SpoolRecord): Promise<void> {
    const bytes = packRecord(record);
    await this.#makeRoom(bytes.length);
    this.#isAppending = true;
    try {
      const segment = await this.#segmentFor(bytes.length);
      await segment.append(bytes, record.points);
    } catch (cause) {
      // A segment that failed once is not trusted with more.
      this.#isOpen = false;
      throw new StoreError("full", diskText(cause), { cause });
    } finally {
      this.#isAppending = false;
    }
  }

  /**
   * What is to be delivered next, at least one record, all of one segment.
   * @param after the end of the batch before it; undefined: the first that is not delivered
   * @returns undefined when there is none
   */
  async next(points: number, after?: Position): Promise<Batch | undefined> {
    let [segment] = this.#segments;
    let offset = this.#offset;
    if (after) {
      segment = this.#segments.find(({ number }) => number >= after.segment);
      if (segment !== this.#segments[0] || segment?.number === after.segment) {
        offset = segment?.number === after.segment ? after.offset : 0;
      }
    }
    while (segment) {
      const batch = await this.#batch(segment, offset, points);
      if (batch) return batch;
      const { number } = segment;
      segment = this.#segments.find((one) => one.number > number);
      offset = 0;
    }
    return undefined;
  }

  /** A batch, and with it all before it, is in the database for good. */
  async delivered(batch: Pick<Batch, "points" | "end">): Promise<void> {
    const { segment: number, offset } = batch.end;
    while (this.#segments[0] && this.#segments[0].number < number) await this.#removeFirst();
    const [segment] = this.#segments;
    // It may have been dropped meanwhile.
    if (segment?.number !== number) return;
    this.#offset = offset;
    this.#deliveredInFirst += batch.points;
    const isLast = segment === this.#segments.at(-1);
    const isOld = isLast ? segment.bytes > SEGMENT_BYTES / 2 && !this.#isAppending : true;
    if (offset >= segment.bytes && isOld) await this.#removeFirst();
    else await this.position.write(batch.end);
  }

  async close(): Promise<void> {
    await Promise.all(this.#segments.map((segment) => segment.close()));
    await this.position.close();
  }

  async #batch(segment: Segment, from: number, points: number): Promise<Batch | undefined> {
    const records: SpoolRecord[] = [];
    let offset = from;
    let total = 0;
    let bytes = 0;
    for (;;) {
      const found = await segment.read(offset);
      if (!found) break;
      const { record } = found;
      if (!record) this.#lost(segment, offset, found.points);
      else {
        const wouldBe = bytes + record.payload.length;
        if (records.length > 0 && (total + record.points > points || wouldBe > BATCH_BYTES)) break;
        records.push(record);
        total += record.points;
        bytes = wouldBe;
      }
      offset = found.end;
    }
    if (records.length === 0) return undefined;
    return { records, points: total, end: { segment: segment.number, offset } };
  }

  async #takeOver(position: Position | undefined): Promise<void> {
    const { directory } = this.#options;
    const names = (await readdir(directory)).filter((name) => name.endsWith(ENDING)).toSorted();
    for (const name of names) {
      const number = Number.parseInt(name, 10);
      this.#nextNumber = Math.max(this.#nextNumber, number + 1);
      const segment = await Segment.take(join(directory, name), number);
      const isDelivered = position !== undefined && number < position.segment;
      if (segment.bytes === 0 || isDelivered) await segment.remove();
      else this.#segments.push(segment);
    }
    if (position) this.#nextNumber = Math.max(this.#nextNumber, position.segment + 1);
    const [first] = this.#segments;
    if (first && first.number === position?.segment) {
      while (this.#offset < position.offset) {
        const found = await first.read(this.#offset);
        if (!found) break;
        this.#offset = found.end;
        this.#deliveredInFirst += found.points;
      }
    }
  }

  async #makeRoom(bytes: number): Promise<void> {
    while (this.bytes + bytes > this.#options.maximumBytes) {
      if (this.#options.whenFull === "refuse" || this.#segments.length < 2) {
        throw new StoreError(
          "full",
          "The spool in front of the time-series database is full: the database has been away for too long. Bring it back; whoever measures keeps its values until then.",
        );
      }
      const points = (this.#segments[0]?.points ?? 0) - this.#deliveredInFirst;
      this.dropped += points;
      this.#options.log.warn({ points }, "the oldest values of the full spool are dropped");
      await this.#removeFirst();
    }
  }

  async #segmentFor(bytes: number): Promise<Segment> {
    const last = this.#segments.at(-1);
    if (this.#isOpen && last && last.bytes + bytes <= SEGMENT_BYTES) return last;
    const number = this.#nextNumber;
    const name = `${String(number).padStart(12, "0")}${ENDING}`;
    const { directory } = this.#options;
    const segment = await Segment.create(join(directory, name), number);
    this.#nextNumber += 1;
    this.#segments.push(segment);
    this.#isOpen = true;
    await syncDirectory(directory);
    return segment;
  }

  async #removeFirst(): Promise<void> {
    const segment = this.#segments.shift();
    if (this.#segments.length === 0) this.#isOpen = false;
    this.#offset = 0;
    this.#deliveredInFirst = 0;
    if (!segment) return;
    await this.position.write({ segment: segment.number + 1, offset: 0 });
    await segment.remove();
  }

  #lost(segment: Segment, offset: number, points: number): void {
    const place = `${segment.number} ${offset}`;
    if (this.#damaged.has(place)) return;
    this.#damaged.add(place);
    this.dropped += points;
    const message = "a part of the spool is damaged and left out; look at the disk";
    this.#options.log.error({ file: segment.path, points }, message);
  }
}

async function syncDirectory(directory: string): Promise<void> {
  const handle = await open(directory, "r");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

function diskText(cause: unknown): string {
  const { code, message } = cause as NodeJS.ErrnoException;
  return code === "ENOSPC" || code === "EDQUOT"
    ? "The disk with the spool of the time-series database is full. Free space on it."
    : `The spool of the time-series database cannot be written: ${code ?? message}. Look at the disk.`;
}
