import { unlink, type FileHandle } from "node:fs/promises";

/** Writes all of it, or throws. */
export async function writeAll(handle: FileHandle, bytes: Buffer, position: number): Promise<void> {
  let at = 0;
  while (at < bytes.length) {
    const { bytesWritten } = await handle.write(bytes, at, bytes.length - at, position + at);
    // A file system that is full may take a part, and says so only of the rest.
    at += bytesWritten;
  }
}

/** Removes a file that may be gone already. */
export async function remove(path: string): Promise<void> {
  try {
    await unlink(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
  }
}
