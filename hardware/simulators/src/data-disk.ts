import { existsSync } from "node:fs";
import { open, rename } from "node:fs/promises";
import { runProgram } from "./run-program.js";

const SIZE_BYTES = 32 * 1_048_576;

/** Makes an ext4 image for a guest's data, unless it is there. @throws Error when `mkfs.ext4` (e2fsprogs) is missing */
export async function makeDataDisk(file: string): Promise<void> {
  if (existsSync(file)) return;
  const draft = `${file}.new`;
  const handle = await open(draft, "w");
  await handle.truncate(SIZE_BYTES);
  await handle.close();
  await runProgram("mkfs.ext4", ["-q", "-F", "-L", "data", draft]);
  await rename(draft, file);
}

/** How a file system was left. */
export type FileSystemState = "clean" | "needs-recovery" | "errors";

/**
 * How the ext4 image was left, from its superblock. The journal's flag is set as long as it is mounted for
 * writing, so a file system that lost its machine says `needs-recovery`.
 */
export async function fileSystemState(file: string): Promise<FileSystemState> {
  // Linux Documentation/filesystems/ext4: superblock at 1024; s_state 0x3a, s_feature_incompat 0x60.
  const handle = await open(file, "r");
  const superblock = Buffer.alloc(1024);
  await handle.read(superblock, 0, superblock.length, 1024);
  await handle.close();
  if (superblock.readUInt16LE(0x38) !== 0xef53) throw new Error(`${file} holds no ext4.`);
  const state = superblock.readUInt16LE(0x3a);
  if ((state & 0x2) !== 0) return "errors";
  const recover = (superblock.readUInt32LE(0x60) & 0x4) !== 0;
  return recover || (state & 0x1) === 0 ? "needs-recovery" : "clean";
}
