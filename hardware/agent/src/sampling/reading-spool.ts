import { randomInt, randomUUID } from "node:crypto";
import type { AgentLog } from "../log.js";
import { BatchFiles } from "./batch-files.js";
import { recordOf, type Batch, type BatchRecord } from "./batch-record.js";
import { Drops, type Drop } from "./drops.js";

export interface ReadingSpoolOptions {
  readonly directory: string;
  /** Bound of what is on disk. */
  readonly limitBytes: number;
  readonly log: AgentLog;
}

/** What is sent soon after it was taken is sent from memory. */
const LIVE_BYTES = 262_144;
/** Bound of what waits in memory for a disk that is full or broken. */
export const UNWRITTEN_BYTES = 4_194_304;
/**
 * Numbers that a process which did not end in order may have used without writing them down: more than there are
 * batches while a disk is broken.
 */
const LEAP = 2 ** 24;
/** So often in turn a disk may fail to be read before what is on it is given up. */
const MOST_UNREAD = 5;

/**
 * Numbered batches until they are acknowledged: what came last in memory, all of it on disk, up to a bound beyond
 * which the oldest goes. Never fails: without a disk it keeps what memory may hold, and says so.
 */
export class ReadingSpool implements AsyncDisposable {
  #id: string = randomUUID();
  #next = 1;
  #acknowledged = 0;
  #files: BatchFiles | undefined;
  #drops = new Drops();
  #dropsChanged = false;
  /** The newest batches, without holes; those from {@link #written} on are not on disk. */
  #memory: BatchRecord[] = [];
  #written = 0;
  #memoryBytes = 0;
  #dropped = 0;
  #unread = 0;
  #problem: string | undefined;
  #writing: Promise<void> | undefined;
  /** One call of the files at a time. */
  #turn: Promise<unknown> = Promise.resolve();

  private constructor(private readonly options: ReadingSpoolOptions) {}

  static async open(options: ReadingSpoolOptions): Promise<ReadingSpool> {
    const spool = new ReadingSpool(options);
    try {
      await spool.#find();
    } catch (error) {
      // Whatever is there has lower numbers, and is sent after the next start that can look at it.
      if (!spool.#files) spool.#next = Date.now();
      spool.#failed(error);
    }
    return spool;
  }

  /** Minted when the spool was made, or renewed. */
  get id(): string {
    return this.#id;
  }

  /** Number of the next batch. */
  get next(): number {
    return this.#next;
  }

  get acknowledged(): number {
    return this.#acknowledged;
  }

  /** Why the disk is not written to. */
  get problem(): string | undefined {
    return this.#problem;
  }

  stats(): { readonly diskBytes: number; readonly memoryBytes: number; readonly dropped: number } {
    return {
      diskBytes: this.#files?.bytes ?? 0,
      memoryBytes: this.#memoryBytes,
      dropped: this.#dropped,
    };
  }

  append(batch: Batch): BatchRecord {
    const record = recordOf(this.#next, batch);
    this.#next += 1;
    this.#memory.push(record);
    this.#memoryBytes += record.body.length;
    this.#shrink();
    this.#write();
    return record;
  }

  /** Batches from a number on, as many as are at hand; none: there are no more. */
  async read(from: number): Promise<readonly BatchRecord[]> {
    const oldest = this.#memory[0]?.seq ?? this.#next;
    if (from < oldest && this.#files) {
      const files = this.#files;
      try {
        const found = (await this.#inTurn(() => files.read(from))).filter(
          ({ seq }) => seq < oldest && seq > this.#acknowledged,
        );
        this.#unread = 0;
        if (found.length > 0) return found;
      } catch (error) {
        this.#failed(error);
        this.#unread += 1;
        if (this.#unread < MOST_UNREAD) return [];
      }
    }
    return this.#memory.filter(({ seq }) => seq >= from);
  }

  /** What was dropped between two batches, to be told with the second. */
  droppedBetween(after: number, seq: number): Drop | undefined {
    return this.#drops.between(after, seq);
  }

  /** Everything up to a number is stored. */
  acknowledge(seq: number): void {
    if (seq <= this.#acknowledged || seq >= this.#next) return;
    this.#acknowledged = seq;
    this.#dropsChanged = this.#drops.told(seq) || this.#dropsChanged;
    const stored = this.#memory.filter((one) => one.seq <= seq).length;
    this.#take(stored);
    const files = this.#files;
    if (files?.canForget(seq))
      this.#inTurn(() => files.forget(seq)).catch((error: unknown) => this.#failed(error));
  }

  /**
   * Another copy of this spool has gone on with its numbers elsewhere, as before a disk was restored: all that is kept,
   * and what follows, is of a new spool from now on, so that nothing of it is taken for what is stored.
   */
  renew(): void {
    const id = randomUUID();
    this.#id = id;
    const files = this.#files;
    if (!files) return;
    const renewed = this.#inTurn(() => {
      // What is not written yet comes into the new file.
      const base = this.#memory[this.#written]?.seq ?? this.#next;
      return files.renew(id, base, this.#drops.all);
    });
    renewed.catch((error: unknown) => this.#failed(error));
  }

  /** A batch that nobody can be told, because it cannot be read. */
  giveUp({ seq, readings, sinceMs, untilMs }: BatchRecord): void {
    this.#drop(seq, { before: seq + 1, readings, sinceMs, untilMs });
  }

  /** Writes what is left. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#writing;
    this.#write();
    await this.#writing;
    const files = this.#files;
    this.#files = undefined;
    await this.#inTurn(async () => {
      const closed = { acknowledged: this.#acknowledged, next: this.#next };
      if (this.#problem === undefined) await files?.close(closed, this.#drops.all);
      await files?.[Symbol.asyncDispose]();
    }).catch((error: unknown) => this.#failed(error));
  }

  /** Goes on behind what a process before this one left. */
  async #find(): Promise<void> {
    const { directory, limitBytes } = this.options;
    const found = await BatchFiles.find(directory, limitBytes);
    if (!found) {
      const files = new BatchFiles(directory, this.#id, limitBytes);
      await files.begin(this.#next, []);
      this.#files = files;
      return;
    }
    const { files, last, closed, unseen } = found;
    // Of what was not looked at nothing was sent under the newest id, whose acknowledgements are beyond its numbers.
    this.#id = unseen ? randomUUID() : files.spool;
    this.#acknowledged = (unseen ?? found).closed?.acknowledged ?? 0;
    this.#drops = new Drops([...(unseen?.drops ?? []), ...found.drops]);
    this.#drops.told(this.#acknowledged);
    this.#next = closed?.next ?? last + LEAP;
    this.#files = files;
    try {
      await files.renew(this.#id, this.#next, this.#drops.all);
    } catch (error) {
      // Nothing tells the next process that these numbers were used: it finds others.
      this.#next = last + LEAP * randomInt(2, 65_536);
      throw error;
    }
  }

  #write(): void {
    this.#writing ??= this.#writeAll().finally(() => {
      this.#writing = undefined;
      // What came between the last look and now.
      if (this.#problem === undefined && this.#written < this.#memory.length) this.#write();
    });
  }

  async #writeAll(): Promise<void> {
    try {
      while (this.#written < this.#memory.length) {
        const files = (this.#files ??= this.#made());
        // Before: what is dropped is written down together with what it makes room for.
        const gone = await this.#inTurn(() => files.makeRoom(this.#acknowledged));
        if (gone) this.#drop(gone.from, gone.drop);
        const records = upTo(files.segmentBytes, this.#memory.slice(this.#written));
        const changed = this.#dropsChanged;
        this.#dropsChanged = false;
        try {
          await this.#inTurn(() => files.append(records, this.#drops.all, changed));
        } catch (error) {
          this.#dropsChanged ||= changed;
          throw error;
        }
        // Some of them may be gone meanwhile.
        const last = records.at(-1)?.seq ?? 0;
        this.#written = this.#memory.filter(({ seq }) => seq <= last).length;
        this.#shrink();
      }
      this.#say(undefined);
    } catch (error) {
      // The next batch tries again.
      this.#failed(error);
    }
  }

  /** Where nobody could look at what was there: a spool beside it, as soon as something can be written. */
  #made(): BatchFiles {
    const { directory, limitBytes } = this.options;
    return new BatchFiles(directory, this.#id, limitBytes);
  }

  /** Keeps memory within its bounds. */
  #shrink(): void {
    while (this.#written > 0 && this.#memoryBytes > LIVE_BYTES) this.#take(1);
    while (this.#memoryBytes > UNWRITTEN_BYTES) {
      const [oldest, next] = this.#memory;
      if (!oldest) return;
      const { seq, readings, sinceMs, untilMs } = oldest;
      this.#take(1);
      this.#drop(seq, { before: next?.seq ?? seq + 1, readings, sinceMs, untilMs });
    }
  }

  /** Takes the oldest out of memory. */
  #take(count: number): void {
    const taken = this.#memory.splice(0, count);
    this.#memoryBytes -= taken.reduce((sum, { body }) => sum + body.length, 0);
    this.#written = Math.max(0, this.#written - count);
  }

  #drop(from: number, drop: Drop): void {
    if (this.#dropped === 0)
      this.options.log.warn(
        { readings: drop.readings },
        "readings are dropped, the oldest first: nobody stored them, and there is no more room",
      );
    this.#dropped += drop.readings;
    this.#drops.add(from, drop);
    this.#dropsChanged = true;
  }

  #inTurn<T>(run: () => Promise<T>): Promise<T> {
    const turn = this.#turn.then(run);
    this.#turn = turn.catch(() => undefined);
    return turn;
  }

  /** @throws what is no error of the system's */
  #failed(error: unknown): void {
    const { code } = error as NodeJS.ErrnoException;
    if (code === undefined) throw error;
    const full = code === "ENOSPC" || code === "EDQUOT";
    this.#say(full ? "is full; make room there" : `cannot be used (${code}); look after it`);
  }

  #say(what: string | undefined): void {
    const { log, directory } = this.options;
    const problem =
      what === undefined
        ? undefined
        : `the disk of the readings in ${directory} ${what}. Sampling goes on; up to ${UNWRITTEN_BYTES / 1_048_576} MiB are kept in memory meanwhile`;
    if (problem === this.#problem) return;
    this.#problem = problem;
    if (problem === undefined) log.info({ directory }, "readings are written to disk again");
    else log.error({ directory, problem }, "readings are not written to disk");
  }
}

/** As many as fit into so much, and at least one. */
function upTo(bytes: number, records: readonly BatchRecord[]): readonly BatchRecord[] {
  let sum = 0;
  const end = records.findIndex(({ body }, at) => (sum += body.length) > bytes && at > 0);
  return end < 0 ? records : records.slice(0, end);
}
