import { existsSync, renameSync } from "node:fs";
import { DatabaseSync } from "node:sqlite";
import { parentPort, workerData } from "node:worker_threads";
import type { KeptSeriesRow, WriteReply, WriteRequest, WriterOptions } from "./protocol.js";
import { Pruning } from "./pruning.js";
import { Sealing } from "./sealing.js";
import {
  dayOf,
  edgesOf,
  HOURS,
  MINUTES,
  packColumns,
  prepareTables,
  RAW,
  SERIES_IDS,
} from "./tables.js";

/** The thread that writes the embedded store: requests are answered in order. */

/** Points in the intake that are sorted at once; a query looks through all of them. */
const INTAKE_POINTS = 1_000_000;
const INTAKE_MS = 3_600_000;
const PRUNE_EVERY_MS = 600_000;
/** After sorting has failed. */
const SEAL_AGAIN_MS = 60_000;
/** How long writing waits for sorting at a time. */
const SLICE_MS = 25;
/** Of the log that is flushed before its pages go into the file. */
const LOG_PAGES = 4000;

const options = workerData as WriterOptions;
const port = parentPort;
if (!port) throw new Error("this module is the body of a worker thread");
const reply = (message: WriteReply): void => port.postMessage(message);

class Writer {
  readonly #db: DatabaseSync;
  readonly #pruning: Pruning;
  #intakePoints: number;
  #intakeSinceMs: number | undefined;
  #prunedMs = 0;
  #sealing: Sealing | undefined;
  #sliceIsDue = false;
  #tooLate = 0;
  /** By this thread's monotonic clock. */
  #sealNotBeforeMs = 0;

  constructor() {
    this.#db = open(options);
    this.#pruning = new Pruning(this.#db, options.retention, options.maximumBytes);
    const row = this.#db.prepare("SELECT sum(points) AS points FROM intake").get();
    this.#intakePoints = Number(row?.["points"] ?? 0);
    // How long they wait already is not known.
    if (this.#intakePoints > 0) this.#intakeSinceMs = 0;
  }

  series(): KeptSeriesRow[] {
    const sql =
      "SELECT id, key, field, first, last FROM series JOIN series_day USING (id) ORDER BY id";
    return this.#db
      .prepare(sql)
      .all()
      .map(({ id, key, field, first, last }) => [
        Number(id),
        String(key),
        String(field),
        Number(first),
        Number(last),
      ]);
  }

  forget(ids: readonly number[]): void {
    this.#inTransaction(() => {
      for (const { table } of [RAW, MINUTES, HOURS]) {
        const { first, last } = this.#db.prepare(edgesOf("key", table)).get() as {
          first: number | null;
          last: number | null;
        };
        const blocks = [first ?? 0, last ?? -SERIES_IDS].map((key) => Math.floor(key / SERIES_IDS));
        const [from = 0, to = -1] = blocks;
        const ofBlock = this.#db.prepare(`DELETE FROM ${table} WHERE key = ?`);
        for (const id of ids) {
          for (let block = from; block <= to; block++) ofBlock.run(block * SERIES_IDS + id);
        }
      }
      for (const table of ["series", "series_day"]) {
        const ofSeries = this.#db.prepare(`DELETE FROM ${table} WHERE id = ?`);
        for (const id of ids) ofSeries.run(id);
      }
    });
  }

  write({ series, points, texts, nowMs }: WriteRequest & { kind: "write" }): void {
    if (this.#pruning.isTight) this.#prune(nowMs);
    const db = this.#db;
    const { length } = points.at;
    this.#inTransaction(() => {
      const ofSeries = db.prepare("INSERT OR IGNORE INTO series (id, key, field) VALUES (?, ?, ?)");
      const ofDay = db.prepare(
        "INSERT OR IGNORE INTO series_day (id, first, last) VALUES (?, ?, ?)",
      );
      const today = dayOf(nowMs);
      for (const row of series) {
        ofSeries.run(...row);
        ofDay.run(row[0], today, today);
      }
      const ofText = db.prepare("INSERT OR REPLACE INTO text (at_ms, key, text) VALUES (?, ?, ?)");
      for (const row of texts) ofText.run(...row);
      if (length > 0) {
        const sql = "INSERT INTO intake (points, data) VALUES (?, ?)";
        db.prepare(sql).run(length, packColumns(points));
      }
    });
    this.#intakePoints += length;
    this.#intakeSinceMs ??= nowMs;
    this.tidy(nowMs, false);
  }

  tidy(nowMs: number, sealAll: boolean): void {
    if (nowMs - this.#prunedMs > PRUNE_EVERY_MS || nowMs < this.#prunedMs) this.#prune(nowMs);
    if (sealAll) return this.#sealNow(nowMs);
    const waited = this.#intakeSinceMs !== undefined && nowMs - this.#intakeSinceMs > INTAKE_MS;
    if (waited || this.#intakePoints > INTAKE_POINTS) this.#seal(nowMs);
  }

  /** Points that were left out since this was asked last. */
  takeTooLate(): number {
    const count = this.#tooLate;
    this.#tooLate = 0;
    return count;
  }

  close(): void {
    this.#sealing = undefined;
    this.#db.close();
  }

  #inTransaction(run: () => void): void {
    this.#db.exec("BEGIN IMMEDIATE");
    try {
      run();
      this.#db.exec("COMMIT");
    } catch (error) {
      if (this.#db.isTransaction) this.#db.exec("ROLLBACK");
      throw error;
    }
  }

  #seal(nowMs: number): void {
    if (this.#sealing || performance.now() < this.#sealNotBeforeMs) return;
    this.#sealing = new Sealing(this.#db, nowMs - options.retention.rawMs, nowMs);
    this.#intakePoints = 0;
    this.#intakeSinceMs = undefined;
    this.#planSlice();
  }

  /** All of it, also what came while some was being sorted. */
  #sealNow(nowMs: number): void {
    while (this.#sealing) this.#sealSlice();
    if (this.#intakePoints > 0) this.#seal(nowMs);
    while (this.#sealing) this.#sealSlice();
  }

  /** Between two slices of sorting, requests have their turn. */
  #planSlice(): void {
    if (this.#sliceIsDue) return;
    this.#sliceIsDue = true;
    setTimeout(() => {
      this.#sliceIsDue = false;
      if (!this.#sealing) return;
      try {
        this.#sealSlice();
      } catch {
        // The intake still has all of it. Whoever writes next hears from the disk what is wrong.
        this.#giveUpSealing();
      }
      if (this.#sealing) this.#planSlice();
    }, 1);
  }

  #sealSlice(): void {
    if (!this.#sealing?.work(SLICE_MS)) return;
    this.#tooLate += this.#sealing.tooLate;
    this.#sealing = undefined;
  }

  #giveUpSealing(): void {
    this.#sealing = undefined;
    this.#sealNotBeforeMs = performance.now() + SEAL_AGAIN_MS;
    const row = this.#db.prepare("SELECT sum(points) AS points FROM intake").get();
    this.#intakePoints = Number(row?.["points"] ?? 0);
    this.#intakeSinceMs = 0;
  }

  #prune(nowMs: number): void {
    this.#prunedMs = nowMs;
    this.#pruning.prune(nowMs);
  }
}

function open({ file, maximumBytes, nowMs }: WriterOptions): DatabaseSync {
  const db = new DatabaseSync(file, { timeout: 10_000 });
  try {
    db.exec("PRAGMA temp_store = MEMORY");
    db.exec("PRAGMA journal_mode = WAL");
    // In WAL mode FULL means: the log is flushed before a COMMIT returns.
    db.exec("PRAGMA synchronous = FULL");
    db.exec(`PRAGMA wal_autocheckpoint = ${LOG_PAGES}`);
    db.exec(`PRAGMA journal_size_limit = ${LOG_PAGES * 4096}`);
    const { page_size: pageBytes } = db.prepare("PRAGMA page_size").get() as { page_size: number };
    db.exec(`PRAGMA max_page_count = ${Math.ceil(maximumBytes / pageBytes)}`);
    prepareTables(db, nowMs);
    return db;
  } catch (error) {
    db.close();
    throw error;
  }
}

/** SQLITE_CORRUPT and SQLITE_NOTADB. */
function isDamaged(error: unknown): boolean {
  const { errcode } = error as { errcode?: number };
  return errcode !== undefined && [11, 26].includes(errcode % 256);
}

/** SQLITE_FULL. */
function failureOf(error: unknown): WriteReply {
  const { errcode, message } = error as { errcode?: number; message: string };
  return { kind: "failed", isFull: errcode !== undefined && errcode % 256 === 13, message };
}

/** History is worth less than a service that starts: a damaged file is put aside, where somebody may look at it. */
function openAnyhow(): { writer: Writer; moved?: string } {
  try {
    return { writer: new Writer() };
  } catch (error) {
    if (!isDamaged(error)) throw error;
    let number = 1;
    while (existsSync(`${options.file}.damaged-${number}`)) number += 1;
    const moved = `${options.file}.damaged-${number}`;
    for (const ending of ["", "-wal", "-shm"]) {
      if (existsSync(options.file + ending)) renameSync(options.file + ending, moved + ending);
    }
    return { writer: new Writer(), moved };
  }
}

try {
  const { writer, moved } = openAnyhow();
  port.on("message", (request: WriteRequest) => {
    try {
      if (request.kind === "write") writer.write(request);
      else if (request.kind === "forget") writer.forget(request.ids);
      else if (request.kind === "tidy") writer.tidy(request.nowMs, request.sealAll);
      else writer.close();
      reply({ kind: "done", tooLate: writer.takeTooLate() });
    } catch (error) {
      reply(failureOf(error));
    }
    if (request.kind === "close") port.close();
  });
  reply({ kind: "opened", series: writer.series(), ...(moved === undefined ? {} : { moved }) });
} catch (error) {
  reply(failureOf(error));
}
