import type { DatabaseSync } from "node:sqlite";

const HOUR_MS = 3_600_000;

/** A table of blocks. Its key is block number × {@link SERIES_IDS} + series: one span of time lies together. */
export interface Tier {
  readonly table: "raw_block" | "minute_block" | "hour_block";
  readonly blockMs: number;
  /** 0: points by themselves. */
  readonly slotMs: number;
}

export const RAW: Tier = { table: "raw_block", blockMs: HOUR_MS, slotMs: 0 };
export const MINUTES: Tier = { table: "minute_block", blockMs: HOUR_MS, slotMs: 60_000 };
export const HOURS: Tier = { table: "hour_block", blockMs: 168 * HOUR_MS, slotMs: HOUR_MS };

/** Ids of series are below it. */
export const SERIES_IDS = 2 ** 20;

export const VERSION = 1;

/**
 * What is written goes into `intake` first, many points a row, whatever their series: one row and one flush for all
 * that came together. Once an hour it is sorted into blocks, by series.
 */
const TABLES = `
  CREATE TABLE series (id INTEGER PRIMARY KEY, key TEXT NOT NULL, field TEXT NOT NULL);
  CREATE TABLE intake (seq INTEGER PRIMARY KEY AUTOINCREMENT, points INTEGER NOT NULL, data BLOB NOT NULL);
  CREATE TABLE raw_block (key INTEGER PRIMARY KEY, data BLOB NOT NULL);
  CREATE TABLE minute_block (key INTEGER PRIMARY KEY, data BLOB NOT NULL);
  CREATE TABLE hour_block (key INTEGER PRIMARY KEY, data BLOB NOT NULL);
  CREATE TABLE text (at_ms INTEGER NOT NULL, key TEXT NOT NULL, text TEXT NOT NULL, PRIMARY KEY (at_ms, key)) WITHOUT ROWID;
`;

/** On which days since 1970 a series was written first and last. Releases that do not know it leave it alone. */
const SERIES_DAYS =
  "CREATE TABLE IF NOT EXISTS series_day (id INTEGER PRIMARY KEY, first INTEGER NOT NULL, last INTEGER NOT NULL)";

export function dayOf(ms: number): number {
  return Math.floor(ms / 86_400_000);
}

/** Makes the tables of a new file. @throws Error for a file of another version */
export function prepareTables(db: DatabaseSync, nowMs: number): void {
  makeTables(db);
  db.exec(SERIES_DAYS);
  // What a release without it has written is as of now.
  const sql = "INSERT OR IGNORE INTO series_day (id, first, last) SELECT id, ?1, ?1 FROM series";
  db.prepare(sql).run(dayOf(nowMs));
}

function makeTables(db: DatabaseSync): void {
  const row = db.prepare("PRAGMA user_version").get() as { user_version: number };
  if (row.user_version === VERSION) return;
  if (row.user_version !== 0) {
    throw new Error(
      `its form is of version ${row.user_version}, and this release reads ${VERSION}`,
    );
  }
  db.exec(`BEGIN IMMEDIATE; ${TABLES} PRAGMA user_version = ${VERSION}; COMMIT`);
}

/** Asks for the first and last of a key. In one SELECT SQLite would look at every row. */
export function edgesOf(key: string, table: string): string {
  return `SELECT (SELECT min(${key}) FROM ${table}) AS first, (SELECT max(${key}) FROM ${table}) AS last`;
}

/** Points of any series, in the order in which they came. */
export interface Columns {
  readonly at: Float64Array;
  readonly values: Float64Array;
  readonly ids: Uint32Array;
}

export function packColumns({ at, values, ids }: Columns): Uint8Array {
  const bytes = new Uint8Array(at.length * 20);
  bytes.set(new Uint8Array(at.buffer, at.byteOffset, at.byteLength), 0);
  bytes.set(new Uint8Array(values.buffer, values.byteOffset, values.byteLength), at.length * 8);
  bytes.set(new Uint8Array(ids.buffer, ids.byteOffset, ids.byteLength), at.length * 16);
  return bytes;
}

/** Appends what {@link packColumns} made to longer columns. @returns how many points */
export function unpackInto(bytes: Uint8Array, into: Columns, from: number): number {
  const length = Math.floor(bytes.length / 20);
  // Doubles need a place that is a multiple of eight, which SQLite does not promise.
  const { buffer } = bytes.slice();
  into.at.set(new Float64Array(buffer, 0, length), from);
  into.values.set(new Float64Array(buffer, length * 8, length), from);
  into.ids.set(new Uint32Array(buffer, length * 16, length), from);
  return length;
}

export function newColumns(length: number): Columns {
  return {
    at: new Float64Array(length),
    values: new Float64Array(length),
    ids: new Uint32Array(length),
  };
}
