import type { AuditPage, AuditSearch, AuditVerdict } from "@outrider/contracts/audit";
import { milliseconds, seconds, timestamp, type Clock } from "@outrider/contracts/clock";
import type { Statement, Storage } from "@outrider/storage/storage";
import { readAnchor, writeAnchor } from "./anchor-file.js";
import { auditTable } from "./audit-migrations.js";
import { columnsOf, COLUMNS, type AuditEntry, type AuditRow } from "./audit-entry.js";
import { searchStatement, pageOf } from "./audit-search.js";
import { chainHash, ChainWalk, GENESIS, PRUNE, pruneOf, type AuditHead } from "./chain.js";

export interface AuditLogOptions {
  readonly storage: Storage;
  /** Name of the log as records and verdicts say it: `power`, `agent-rack-a`. */
  readonly log: string;
  /** Of {@link auditMigrations}. Default: the log's name. */
  readonly owner?: string | undefined;
  readonly clock: Clock;
  /** File in which the head is noted now and then (`anchorPath(data, log)`). None: a log cut at its end is not noticed. */
  readonly anchor?: string | undefined;
  /** Told of what goes wrong in the background, once per episode. */
  readonly problem?: ((what: string, error?: unknown) => void) | undefined;
}

const SEAL_EVERY = milliseconds(250);
/** How long after a statement was handed out its record is looked for. */
const LOOK_FOR_ROUNDS = 60;
const ANCHOR_EVERY_MS = seconds(5);
const PAGE = 500;
/** Records older than this are taken out, in days. */
export const AUDIT_KEPT_DAYS = 400;
const DAY_MS = 86_400_000;
/** How long after the log was opened it is looked for old records first, in milliseconds. */
const FIRST_RETENTION_MS = 3_600_000;

/**
 * The audit log of one acting process.
 *
 * A record is durable in the transaction it was put into, before anything is done. Its hash follows a moment later,
 * in one transaction for all that came meanwhile, so that a command does not wait for it; what a crash left without
 * is sealed at the next start. In that moment (a quarter of a second) a change by somebody who can write the
 * database is not noticed.
 */
export class AuditLog implements AsyncDisposable {
  readonly #options: AuditLogOptions;
  readonly #table: string;
  #head: AuditHead = { seq: 0, hash: GENESIS };
  #rounds = 0;
  #sealing: Promise<void> = Promise.resolve();
  #stop: () => void = () => {};
  #anchored: AuditHead | undefined;
  #noting: Promise<void> = Promise.resolve();
  #anchoredAtMs = Number.NEGATIVE_INFINITY;
  #failing = false;
  #retainAtMs: number;
  #retaining: Promise<void> = Promise.resolve();
  #closed: Promise<void> | undefined;

  private constructor(options: AuditLogOptions) {
    this.#options = options;
    this.#retainAtMs = options.clock.monotonicMs() + FIRST_RETENTION_MS;
    this.#table = auditTable(options.owner ?? options.log.replaceAll("-", "_"));
  }

  /**
   * Seals what a crash left, compares with the anchor, and keeps sealing until it is closed (before its storage). Once
   * a day it takes out what is older than {@link AUDIT_KEPT_DAYS}.
   * @throws StorageError
   */
  static async open(options: AuditLogOptions): Promise<AuditLog> {
    const log = new AuditLog(options);
    log.#head = (await log.#lastSealed()) ?? { seq: 0, hash: GENESIS };
    await log.#seal();
    await log.#compareWithAnchor();
    log.#stop = options.clock.every(SEAL_EVERY, () => {
      log.#retain();
      if (log.#rounds <= 0) return;
      log.#rounds -= 1;
      void log.#sealSafely();
    });
    return log;
  }

  /**
   * What writes a record: part of the owner's own transaction, which makes both durable or neither.
   * @throws StorageError `programming` for an entry that is none
   */
  statements(entry: AuditEntry): Statement[] {
    const row = columnsOf(this.#options.log, timestamp(this.#options.clock), entry);
    this.#rounds = LOOK_FOR_ROUNDS;
    return [
      {
        sql: `INSERT INTO ${this.#table} (seq, at, log, actor, via, act, subject, stage, reason, data)
          VALUES ((SELECT COALESCE(MAX(seq), 0) + 1 FROM ${this.#table}), ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
        params: [
          row.at,
          row.log,
          row.actor,
          row.via,
          row.act,
          row.subject,
          row.stage,
          row.reason,
          row.data,
        ],
        expectChanges: 1,
      },
    ];
  }

  /** Writes one record; it is on the disk when this resolves. @throws StorageError: then it must not be acted. */
  async append(entry: AuditEntry, signal?: AbortSignal): Promise<void> {
    await this.#options.storage.write(this.statements(entry), signal);
  }

  /** Resolves when everything that was written before the call is sealed. @throws StorageError */
  async drain(): Promise<void> {
    await this.#seal();
  }

  /** The last sealed record. */
  head(): AuditHead | undefined {
    return this.#head.seq === 0 ? undefined : this.#head;
  }

  /** Newest first; a page is at most 100 records and 48 KiB. */
  async search(search: AuditSearch): Promise<AuditPage> {
    const { sql, params } = searchStatement(this.#table, search);
    return pageOf(await this.#options.storage.all<AuditRow>(sql, params), search);
  }

  /**
   * Whether the log is as it was written, by its chain, its anchor and the heads that the caller noted elsewhere.
   * Reads it in pages; takes about a second for a hundred thousand records.
   */
  async verify(noted: readonly AuditHead[] = [], signal?: AbortSignal): Promise<AuditVerdict> {
    await this.drain();
    const { storage, log, anchor } = this.#options;
    const anchored = anchor === undefined ? undefined : await readAnchor(anchor);
    const prune = await storage.get<AuditRow>(
      `SELECT ${COLUMNS} FROM ${this.#table} WHERE act = ? ORDER BY seq DESC LIMIT 1`,
      [PRUNE],
    );
    const walk = new ChainWalk(log, pruneOf(prune), [...noted, ...(anchored ? [anchored] : [])]);
    for await (const row of this.#rowsAfter(0, signal)) {
      walk.take(row);
      if (walk.isBroken) break;
    }
    return walk.verdict();
  }

  /**
   * Takes out everything before `before`. A record in the chain says up to where and with which hash, so that the
   * rest can still be verified.
   * @returns how many records were taken out
   */
  async prune(before: Date, by: Pick<AuditEntry, "actor" | "via">): Promise<number> {
    await this.drain();
    const { storage } = this.#options;
    const last = await storage.get<AuditRow>(
      `SELECT ${COLUMNS} FROM ${this.#table} WHERE at < ? AND hash IS NOT NULL ORDER BY seq DESC LIMIT 1`,
      [before.toISOString()],
    );
    if (!last || last.hash === null) return 0;
    const data = { through: last.seq, hash: last.hash };
    const results = await storage.write([
      ...this.statements({ ...by, act: PRUNE, subject: this.#options.log, data }),
      { sql: `DELETE FROM ${this.#table} WHERE seq <= ?`, params: [last.seq] },
    ]);
    await this.drain();
    return results.at(-1)?.changes ?? 0;
  }

  /** Seals the rest and notes the head. The storage must still be open; what fails is said and left to the next start. */
  close(): Promise<void> {
    return (this.#closed ??= this.#close());
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #close(): Promise<void> {
    this.#stop();
    await this.#retaining;
    await this.#sealSafely();
    await this.#noteHead(true);
  }

  #retain(): void {
    const nowMs = this.#options.clock.monotonicMs();
    if (nowMs < this.#retainAtMs) return;
    this.#retainAtMs = nowMs + DAY_MS;
    this.#retaining = this.#retaining
      .then(() => this.#pruneOld())
      .catch((error: unknown) =>
        this.#say("old audit records cannot be taken out; it is tried again in a day", error),
      );
  }

  /** Their age is counted from the newest record too: a calendar that has just jumped ahead takes out nothing. */
  async #pruneOld(): Promise<void> {
    const { storage, log, clock } = this.#options;
    const newest = await storage.get<{ at: string }>(
      `SELECT at FROM ${this.#table} ORDER BY seq DESC LIMIT 1`,
    );
    if (!newest) return;
    const latestMs = Math.min(Date.parse(newest.at), clock.now().getTime());
    const before = new Date(latestMs - AUDIT_KEPT_DAYS * DAY_MS);
    await this.prune(before, { actor: `service:${log}`, via: "policy" });
  }

  /** One after the other: each begins where the one before ended. */
  #seal(): Promise<void> {
    const next = this.#sealing.catch(() => {}).then(() => this.#sealAll());
    this.#sealing = next;
    return next;
  }

  async #sealSafely(): Promise<void> {
    try {
      await this.#seal();
      this.#failing = false;
      await this.#noteHead(false);
    } catch (error) {
      // The records themselves are durable; their hashes can wait until the disk or the server is well again.
      this.#rounds = LOOK_FOR_ROUNDS;
      this.#say("audit records cannot be sealed yet; they are kept and sealed later", error);
    }
  }

  async #sealAll(): Promise<void> {
    for (;;) {
      const rows = await this.#options.storage.all<AuditRow>(
        `SELECT ${COLUMNS} FROM ${this.#table} WHERE seq > ? ORDER BY seq LIMIT ${PAGE}`,
        [this.#head.seq],
      );
      if (rows.length === 0) return;
      let { hash } = this.#head;
      const seals = rows.map((row): Statement => {
        hash = chainHash(hash, row);
        return {
          sql: `UPDATE ${this.#table} SET hash = ? WHERE seq = ? AND hash IS NULL`,
          params: [hash, row.seq],
          expectChanges: 1,
        };
      });
      await this.#options.storage.write(seals);
      this.#head = { seq: rows.at(-1)?.seq ?? this.#head.seq, hash };
      if (rows.length < PAGE) return;
    }
  }

  async *#rowsAfter(after: number, signal?: AbortSignal): AsyncGenerator<AuditRow> {
    let last = after;
    for (;;) {
      signal?.throwIfAborted();
      const rows = await this.#options.storage.all<AuditRow>(
        `SELECT ${COLUMNS} FROM ${this.#table} WHERE seq > ? ORDER BY seq LIMIT ${PAGE}`,
        [last],
      );
      yield* rows;
      const end = rows.at(-1);
      if (!end || rows.length < PAGE) return;
      last = end.seq;
    }
  }

  async #lastSealed(): Promise<AuditHead | undefined> {
    const row = await this.#options.storage.get<{ seq: number; hash: string }>(
      `SELECT seq, hash FROM ${this.#table} WHERE hash IS NOT NULL ORDER BY seq DESC LIMIT 1`,
    );
    return row && { seq: row.seq, hash: row.hash };
  }

  /** A log that lost its end goes on, and says in the chain what is missing. */
  async #compareWithAnchor(): Promise<void> {
    const { anchor, storage, log } = this.#options;
    if (anchor === undefined) return;
    const noted = await readAnchor(anchor).catch((error: unknown) => {
      this.#say("the noted head of the audit log cannot be read", error);
    });
    if (!noted) return this.#noteHead(true);
    const row = await storage.get<{ hash: string | null }>(
      `SELECT hash FROM ${this.#table} WHERE seq = ?`,
      [noted.seq],
    );
    const pruned = noted.seq <= this.#head.seq && row === undefined;
    if (row?.hash === noted.hash || pruned) return this.#noteHead(true);
    this.#say(
      `the audit log ${log} does not contain record ${noted.seq} as it was noted: its end was cut off, or an older backup was put back`,
    );
    await this.append({
      actor: `service:${log}`,
      via: "policy",
      act: "audit.end-missing",
      subject: log,
      data: { noted: noted.seq, hash: noted.hash, continuedAfter: this.#head.seq },
    });
    await this.#seal();
    await this.#noteHead(true);
  }

  /** One after the other: all write the same file. */
  #noteHead(now: boolean): Promise<void> {
    this.#noting = this.#noting.then(() => this.#noteHeadNow(now));
    return this.#noting;
  }

  async #noteHeadNow(now: boolean): Promise<void> {
    const { anchor, clock } = this.#options;
    const head = this.#head;
    if (anchor === undefined || head.seq === 0 || head.seq === this.#anchored?.seq) return;
    if (!now && clock.monotonicMs() - this.#anchoredAtMs < ANCHOR_EVERY_MS) {
      this.#rounds = Math.max(this.#rounds, 1);
      return;
    }
    this.#anchoredAtMs = clock.monotonicMs();
    try {
      await writeAnchor(anchor, head);
      this.#anchored = head;
    } catch (error) {
      this.#say("the head of the audit log cannot be noted in its file", error);
    }
  }

  #say(what: string, error?: unknown): void {
    if (this.#failing) return;
    this.#failing = true;
    this.#options.problem?.(what, error);
  }
}
