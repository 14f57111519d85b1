import { open, type FileHandle } from "node:fs/promises";
import { crc32 } from "node:zlib";

/** Up to where the spool is delivered. */
export interface Position {
  readonly segment: number;
  readonly offset: number;
}

/**
 * Remembers the position across a kill. It is not flushed to the disk: what is delivered twice after a loss of power
 * takes its own place.
 */
export class PositionFile {
  private constructor(private readonly handle: FileHandle) {}

  static async open(path: string): Promise<PositionFile> {
    return new PositionFile(
      await open(path, "a+").then(async (made) => {
        await made.close();
        return open(path, "r+");
      }),
    );
  }

  async read(): Promise<Position | undefined> {
    const text = await this.handle.readFile("utf8");
    const [segment, offset, checksum] = text.trim().split(" ").map(Number);
    if (segment === undefined || offset === undefined) return undefined;
    return checksum === sum({ segment, offset }) ? { segment, offset } : undefined;
  }

  /** In its place, so that a full disk has room for it. */
  async write(position: Position): Promise<void> {
    const { segment, offset } = position;
    const text = `${segment} ${offset} ${sum(position)}`.padEnd(63);
    await this.handle.write(`${text}\n`, 0, "utf8");
  }

  async close(): Promise<void> {
    await this.handle.close();
  }
}

function sum({ segment, offset }: Position): number {
  return crc32(`${segment} ${offset}`);
}
