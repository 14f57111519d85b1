import { open, rm, type FileHandle } from "node:fs/promises";
import { HEADER_BYTES, readHeader, readRecord, type SpoolRecord } from "./record.js";

/** One file of the spool. What a crash left half written at its end is not part of it. */
export class Segment {
  private constructor(
    readonly path: string,
    readonly number: number,
    private readonly handle: FileHandle,
    public bytes: number,
    public points: number,
  ) {}

  static async create(path: string, number: number): Promise<Segment> {
    return new Segment(path, number, await open(path, "wx+", 0o640), 0, 0);
  }

  /** Takes over a file of an earlier process, as far as it is whole. */
  static async take(path: string, number: number): Promise<Segment> {
    const handle = await open(path, "r+");
    const segment = new Segment(path, number, handle, 0, 0);
    const { size } = await handle.stat();
    for (;;) {
      const header = await segment.#header(segment.bytes);
      const end = header && segment.bytes + HEADER_BYTES + header.bodyBytes;
      if (!header || end === undefined || end > size) return segment;
      segment.bytes = end;
      segment.points += header.points;
    }
  }

  /** Resolves when the record is on the disk. @throws what the disk says; the segment is as it was then */
  async append(bytes: Uint8Array, points: number): Promise<void> {
    try {
      for (let done = 0; done < bytes.length;) {
        const left = bytes.length - done;
        const { bytesWritten } = await this.handle.write(bytes, done, left, this.bytes + done);
        done += bytesWritten;
      }
      await this.handle.datasync();
    } catch (error) {
      // Else its beginning would be taken for one that a crash cut, with all that comes later.
      await this.handle.truncate(this.bytes).catch(() => undefined);
      throw error;
    }
    this.bytes += bytes.length;
    this.points += points;
  }

  /**
   * The record at a place, and where the next one is.
   * @returns undefined at the end; without a record for one that is damaged
   */
  async read(
    offset: number,
  ): Promise<{ record: SpoolRecord | undefined; points: number; end: number } | undefined> {
    if (offset >= this.bytes) return undefined;
    const header = await this.#header(offset);
    if (!header) return { record: undefined, points: 0, end: this.bytes };
    const bytes = new Uint8Array(HEADER_BYTES + header.bodyBytes);
    const { bytesRead } = await this.handle.read(bytes, 0, bytes.length, offset);
    const whole = bytesRead === bytes.length;
    return {
      record: whole ? readRecord(header, bytes) : undefined,
      points: header.points,
      end: Math.min(offset + bytes.length, this.bytes),
    };
  }

  async close(): Promise<void> {
    await this.handle.close();
  }

  async remove(): Promise<void> {
    await this.handle.close();
    await rm(this.path, { force: true });
  }

  async #header(offset: number): Promise<ReturnType<typeof readHeader>> {
    const bytes = new Uint8Array(HEADER_BYTES);
    const { bytesRead } = await this.handle.read(bytes, 0, HEADER_BYTES, offset);
    return readHeader(bytes.subarray(0, bytesRead));
  }
}
