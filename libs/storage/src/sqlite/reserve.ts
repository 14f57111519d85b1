import { statSync } from "node:fs";
import type { DatabaseSync } from "node:sqlite";
import { failureOf } from "./sqlite-failure.js";

const DROP = "DROP TABLE IF EXISTS outrider_reserve";
/** How much of the log, and of the file, is laid out ahead. */
const RESERVE_BYTES = 1024 * 1024;
/** Frames in the log from which on it is carried over into the file; half of what is laid out. */
const CHECKPOINT_FRAMES = 128;

/**
 * Writes the log and the file full of nothing once, so that commits overwrite space that is there:
 * a flush that need not lengthen the file takes about half the time (ext4), and a full disk does not stop a store
 * whose old rows make room for the new. Takes some milliseconds, at opening.
 *
 * A disk that is full already is no error: the store works as far as its space goes.
 */
export function layOutReserve(db: DatabaseSync, file: string): void {
  try {
    if (isLaidOut(db, file)) return;
    db.exec("BEGIN IMMEDIATE");
    // A process that was killed in here has left its table.
    db.exec(`${DROP}; CREATE TABLE outrider_reserve (fill BLOB)`);
    db.exec(`INSERT INTO outrider_reserve VALUES (zeroblob(${RESERVE_BYTES}))`);
    db.exec("COMMIT");
    db.exec(DROP);
    db.prepare("PRAGMA wal_checkpoint(PASSIVE)").get();
  } catch (error) {
    if (db.isTransaction) db.exec("ROLLBACK");
    if (failureOf(error, file).code !== "full") throw error;
  }
}

function isLaidOut(db: DatabaseSync, file: string): boolean {
  const { page_size: pageBytes } = db.prepare("PRAGMA page_size").get() as { page_size: number };
  const { freelist_count: freePages } = db.prepare("PRAGMA freelist_count").get() as {
    freelist_count: number;
  };
  const logBytes = statSync(`${file}-wal`, { throwIfNoEntry: false })?.size ?? 0;
  return logBytes >= RESERVE_BYTES && freePages * pageBytes >= RESERVE_BYTES;
}

/**
 * Carries the log over into the file when half of what is laid out is used, so that it starts anew within it.
 * For the time between commits, when nobody waits. A failure is left to the next commit, which has someone to tell.
 */
export function tidyLog(db: DatabaseSync): void {
  try {
    const log = db.prepare("PRAGMA wal_checkpoint(NOOP)").get();
    if (Number(log?.["log"]) - Number(log?.["checkpointed"]) < CHECKPOINT_FRAMES) return;
    db.prepare("PRAGMA wal_checkpoint(PASSIVE)").get();
  } catch {
    // The rows are durable in the log.
  }
}
