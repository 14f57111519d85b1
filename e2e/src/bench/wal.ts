import { readFileSync } from "node:fs";

const HEADER_BYTES = 32;
const FRAME_HEADER_BYTES = 24;

/**
 * How many commits the write-ahead log of a SQLite file holds, and which log it is. A frame that ends a commit has the
 * size of the database in its second word; frames of a former log have other salts (SQLite file format, section 4.1).
 */
export function commitsInLog(file: string): { readonly salt: string; readonly commits: number } {
  const log = readFileSync(`${file}-wal`);
  if (log.length < HEADER_BYTES) return { salt: "", commits: 0 };
  const pageBytes = log.readUInt32BE(8);
  const salt = log.toString("hex", 16, 24);
  let commits = 0;
  let at = HEADER_BYTES;
  for (; at + FRAME_HEADER_BYTES + pageBytes <= log.length; at += FRAME_HEADER_BYTES + pageBytes) {
    if (log.toString("hex", at + 8, at + 16) !== salt) break;
    if (log.readUInt32BE(at + 4) !== 0) commits++;
  }
  return { salt, commits };
}
