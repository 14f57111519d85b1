import { open, unlink, type FileHandle } from "node:fs/promises";
import { SegmentGone } from "./segment.js";
import { segmentPath } from "./segment-name.js";
import { syncDirectory } from "./sync-directory.js";
import { whenMissing } from "./when-missing.js";

interface OpenFiles {
  readonly bytes: FileHandle;
  readonly index: FileHandle;
}

/** Read and write, made if missing, never cut when opened. */
const FLAGS = 0o2 | 0o100;

/** The two files of a segment that is not sealed. They are made when there is something to be written. */
export class SegmentFiles {
  #files: OpenFiles | undefined;
  #reads = 0;
  #closing = false;

  constructor(
    readonly directory: string,
    readonly first: number,
  ) {}

  /** @throws what the disk says */
  async open(): Promise<OpenFiles> {
    if (this.#files) return this.#files;
    const bytes = await open(segmentPath(this.directory, this.first, "bytes"), FLAGS, 0o640);
    try {
      const index = await open(segmentPath(this.directory, this.first, "index"), FLAGS, 0o640);
      this.#files = { bytes, index };
    } catch (cause) {
      await bytes.close();
      throw cause;
    }
    await syncDirectory(this.directory);
    return this.#files;
  }

  /** Cuts both files to their lengths: what a write left behind that failed is not to be taken for something later. */
  async cut(bytesLength: number, indexLength: number): Promise<void> {
    await this.#files?.bytes.truncate(bytesLength);
    await this.#files?.index.truncate(indexLength);
  }

  /** Bytes from a place in the file of bytes; at least one. @throws SegmentGone when it is closed */
  async read(at: number, length: number): Promise<Buffer> {
    const files = this.#files;
    if (!files || this.#closing) throw new SegmentGone(this.first);
    this.#reads++;
    try {
      const buffer = Buffer.allocUnsafe(length);
      const { bytesRead } = await files.bytes.read(buffer, 0, length, at);
      if (bytesRead === 0) throw new SegmentGone(this.first);
      return buffer.subarray(0, bytesRead);
    } finally {
      this.#reads--;
      if (this.#closing && this.#reads === 0) await this.#close();
    }
  }

  /** Parts of both files as they can be read now. @throws what the disk says */
  async readBack(
    bytes: readonly [at: number, length: number],
    index: readonly [at: number, length: number],
  ): Promise<{ readonly bytes: Buffer; readonly index: Buffer }> {
    const files = await this.open();
    return { bytes: await readPart(files.bytes, bytes), index: await readPart(files.index, index) };
  }

  async syncBytes(): Promise<void> {
    await this.#files?.bytes.datasync();
  }

  async syncIndex(): Promise<void> {
    await this.#files?.index.datasync();
  }

  /** Closes the files once nobody reads. */
  async close(): Promise<void> {
    this.#closing = true;
    if (this.#reads === 0) await this.#close();
  }

  async unlink(): Promise<void> {
    for (const kind of ["bytes", "index"] as const) {
      await unlink(segmentPath(this.directory, this.first, kind)).catch(whenMissing(undefined));
    }
  }

  async #close(): Promise<void> {
    const files = this.#files;
    this.#files = undefined;
    await files?.bytes.close();
    await files?.index.close();
  }
}

async function readPart(
  file: FileHandle,
  [at, length]: readonly [at: number, length: number],
): Promise<Buffer> {
  const buffer = Buffer.alloc(length);
  const { bytesRead } = await file.read(buffer, 0, length, at);
  return buffer.subarray(0, bytesRead);
}

/** Writes buffers one after the other from a place on. @throws what the disk says, ENOSPC where it took only a part */
export async function writeAll(
  file: FileHandle,
  buffers: readonly Buffer[],
  at: number,
): Promise<void> {
  let rest = buffers;
  let position = at;
  while (rest.length > 0) {
    // More at once than IOV_MAX would be refused.
    const part = rest.slice(0, 1000);
    const wanted = part.reduce((sum, buffer) => sum + buffer.length, 0);
    const { bytesWritten } = await file.writev(part, position);
    if (bytesWritten < wanted) {
      const left = Buffer.concat(part).subarray(bytesWritten);
      const written = await file.write(left, 0, left.length, position + bytesWritten);
      if (written.bytesWritten < left.length) throw new DiskTookLess("the disk took only a part");
    }
    position += wanted;
    rest = rest.slice(part.length);
  }
}

class DiskTookLess extends Error {
  readonly code = "ENOSPC";
}
