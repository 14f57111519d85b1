import { randomUUID } from "node:crypto";
import { nextAfter, type StreamItem } from "@outrider/console-link/console-stream";
import { milliseconds, seconds, type Clock } from "@outrider/contracts/clock";
import type { ConsoleSpool } from "./console-line.js";
import type { Gather, Gatherer } from "./gather.js";
import type { AgentLog } from "../log.js";
import { removeSpool, SpoolFiles } from "./spool-files.js";
import { itemsFrom, type SpoolItem } from "./spool-item.js";
import { unknownLoss } from "./spool-segment.js";
import { SpoolTail } from "./spool-tail.js";

export interface SpoolOptions {
  readonly directory: string;
  /** Bound of what is on disk. */
  readonly limitBytes: number;
  readonly gatherer: Gatherer;
  readonly clock: Clock;
  readonly nowMicros: () => number;
  readonly log: AgentLog;
  /** Until when an agent is known to have run before this one; undefined: never. */
  readonly aliveMicros: number | undefined;
}

/** What is read soon after it came is read from memory, so much of each console. */
const LIVE_BYTES = 393_216;
/** Bound of what waits in memory for a disk that is slow, full or broken. */
export const UNWRITTEN_BYTES = 4_194_304;
const WRITE_BYTES = 1_048_576;
/** Writes are gathered for so long: the cost is per write. */
const WRITE_AFTER = milliseconds(50);
/** So much is written without waiting for more. */
const HURRY_BYTES = 524_288;
const RETRY_AFTER = seconds(2);
const CLOSE_WITHIN = seconds(2);
/**
 * Numbers that an agent which died may have used for bytes that it sent and never wrote: more than can have been sent
 * while a disk was broken. The clock stands in where not even that could be written down: see {@link numberAfter}.
 */
const LEAP = 2 ** 32;
/** Beyond that numbering begins anew: in the year 2112, or after half a million starts. */
const LAST_NUMBER = 2 ** 52;

/** The spool of one console: what came last in memory, all of it on disk, bounded, until the service has stored it. */
export class Spool implements ConsoleSpool {
  readonly #options: SpoolOptions;
  readonly #gather: Gather;
  readonly #tail = new SpoolTail(LIVE_BYTES, UNWRITTEN_BYTES);
  readonly #appended = new Set<() => void>();
  readonly #problems = new Set<() => void>();
  readonly #closed = new AbortController();
  #files: SpoolFiles | undefined;
  #stream: string = randomUUID();
  #next = 0;
  #began = 0;
  #acknowledged = -1;
  #forgotten = -1;
  #lastMicros: number | undefined;
  #problem: string | undefined;
  #writing: Promise<void> | undefined;
  #closing: Promise<void> | undefined;
  /** Ends the time for which writes are gathered. */
  #pause: AbortController | undefined;

  private constructor(options: SpoolOptions) {
    this.#options = options;
    this.#gather = options.gatherer.of((bytes, atMicros) => {
      this.#add({ kind: "bytes", offset: this.#next, atMicros, bytes });
    });
  }

  /** Never fails: without a disk it is one in memory, and says so. */
  static async open(options: SpoolOptions): Promise<Spool> {
    const spool = new Spool(options);
    try {
      await spool.#find();
    } catch (error) {
      spool.#fail(error);
    }
    return spool;
  }

  get stream(): string {
    return this.#stream;
  }

  get first(): number {
    return this.#files?.first ?? this.#tail.first ?? this.#next;
  }

  get next(): number {
    return this.#next;
  }

  get began(): number {
    return this.#began;
  }

  get lastMicros(): number | undefined {
    return this.#lastMicros;
  }

  get problem(): string | undefined {
    return this.#problem;
  }

  append(bytes: Uint8Array): void {
    this.#lastMicros = this.#options.nowMicros();
    this.#gather.push(bytes, this.#lastMicros);
  }

  gap(gap: Parameters<ConsoleSpool["gap"]>[0]): void {
    this.#gather.flush();
    this.#add({
      kind: "gap",
      start: this.#next,
      offset: this.#next + 1,
      ...gap,
      toMicros: this.#options.nowMicros(),
    });
  }

  break(): void {
    this.#gather.flush();
    this.#add({ kind: "break", offset: this.#next, atMicros: this.#options.nowMicros() });
  }

  async read(from: number, maxBytes: number): Promise<readonly StreamItem[]> {
    const first = this.#tail.first;
    if (from >= this.#next) return [];
    if (first !== undefined && from >= first) return this.#tail.read(from, maxBytes);
    const found = await this.#readDisk(from, maxBytes);
    if (found.length > 0) return found;
    const oldest = this.#tail.first ?? this.#next;
    if (from >= oldest) return this.#tail.read(from, maxBytes);
    // On neither: forgotten because the service had it, and asked for all the same.
    return itemsFrom([unknownLoss(from, oldest)], from, maxBytes);
  }

  acknowledge(offset: number): void {
    if (offset <= this.#acknowledged || offset > this.#next) return;
    this.#acknowledged = offset;
    this.#tail.forget(offset, this.#problem !== undefined);
    if (this.#files?.canForget(offset)) this.#write();
  }

  skipTo(offset: number): void {
    if (offset < this.#next) return;
    const { log, directory, nowMicros } = this.#options;
    log.error(
      { directory },
      "the console service has more of this console than its spool ever had, as after a restore; what is missing is marked",
    );
    this.#gather.flush();
    const atMicros = nowMicros();
    this.#add({
      kind: "gap",
      start: this.#next,
      offset: offset + 1,
      lost: undefined,
      reason: "agent-down",
      fromMicros: Math.min(this.#lastMicros ?? atMicros, atMicros),
      toMicros: atMicros,
    });
  }

  onAppended(callback: () => void): Disposable {
    this.#appended.add(callback);
    return { [Symbol.dispose]: () => void this.#appended.delete(callback) };
  }

  onProblem(callback: () => void): Disposable {
    this.#problems.add(callback);
    return { [Symbol.dispose]: () => void this.#problems.delete(callback) };
  }

  /** Writes what is left, as long as that takes no longer than a stop may. */
  [Symbol.asyncDispose](): Promise<void> {
    return (this.#closing ??= this.#close());
  }

  async #close(): Promise<void> {
    this.#gather.flush();
    this.#closed.abort(new Error("the spool is closed"));
    this.#pause?.abort();
    const done = new AbortController();
    const late = this.#options.clock.sleep(CLOSE_WITHIN, done.signal).catch(() => undefined);
    await Promise.race([this.#finish(), late]);
    done.abort();
    await late;
  }

  async #finish(): Promise<void> {
    await this.#writing;
    while (this.#tail.hasUnwritten && (await this.#writeOut()));
    try {
      const atMicros = this.#options.nowMicros();
      if (this.#problem === undefined) await this.#files?.append([{ kind: "closed", atMicros }]);
      await this.#files?.[Symbol.asyncDispose]();
    } catch {
      // The next start takes the last that was written, or the agent's own sign of life, for the end.
    }
  }

  #add(item: SpoolItem): void {
    this.#next = nextAfter(item);
    if (this.#tail.push(item)) this.#say(this.#words("is slower than its console"));
    for (const callback of this.#appended) callback();
    this.#write();
    if (this.#tail.unwrittenCost > HURRY_BYTES) this.#pause?.abort();
  }

  /** Finds what an agent before this one left, and marks the time since. */
  async #find(): Promise<void> {
    const { directory, limitBytes, nowMicros, aliveMicros = 0, log } = this.#options;
    const before = await SpoolFiles.find(directory, limitBytes);
    if (!before || before.found.next > LAST_NUMBER) {
      if (before)
        log.warn({ directory }, "the numbers of a console spool are used up; it begins anew");
      await before?.files[Symbol.asyncDispose]();
      await removeSpool(directory);
      this.#files = new SpoolFiles(directory, this.#stream, limitBytes);
      // Before the first byte: the numbering of what is sent must outlive this process.
      await this.#files.begin();
      return;
    }
    const { stream, next, lastMicros = 0, closed } = before.found;
    this.#files = before.files;
    this.#stream = stream;
    this.#next = next;
    this.#lastMicros = lastMicros;
    const toMicros = nowMicros();
    this.#began = numberAfter(next, toMicros);
    const aliveUntil = closed ? lastMicros : Math.max(lastMicros, aliveMicros);
    this.#add({
      kind: "gap",
      start: next,
      offset: this.#began,
      lost: undefined,
      reason: "agent-down",
      fromMicros: Math.min(aliveUntil, toMicros),
      toMicros,
    });
    // Before the first byte: an agent that dies now must not have its numbers used again.
    await this.#writeOut();
  }

  /** An error of the disk may pass; after some time it is a loss. */
  async #readDisk(from: number, maxBytes: number): Promise<readonly StreamItem[]> {
    for (let attempt = 0; this.#files; attempt++) {
      try {
        return await this.#files.read(from, maxBytes);
      } catch (error) {
        const { log, directory, clock } = this.#options;
        if (attempt === 4) {
          log.error(
            { directory, err: error },
            "a console spool cannot be read; what is in it is lost",
          );
          return itemsFrom([unknownLoss(from, this.#files.baseAfter(from))], from, maxBytes);
        }
        await clock.sleep(seconds(1), this.#closed.signal).catch(() => undefined);
        if (this.#closed.signal.aborted) return [];
      }
    }
    return [];
  }

  #write(): void {
    if (this.#writing || this.#closed.signal.aborted) return;
    this.#writing = this.#writeSoon().finally(() => {
      this.#writing = undefined;
    });
  }

  async #writeSoon(): Promise<void> {
    const { clock } = this.#options;
    const { signal } = this.#closed;
    try {
      do {
        this.#pause = new AbortController();
        await clock.sleep(WRITE_AFTER, this.#pause.signal).catch(() => undefined);
        this.#pause = undefined;
        signal.throwIfAborted();
        while (!(await this.#writeOut())) await clock.sleep(RETRY_AFTER, signal);
        // A backlog is written without pause.
        while (this.#tail.unwrittenCost > WRITE_BYTES && (await this.#writeOut()));
      } while (this.#tail.hasUnwritten);
    } catch (error) {
      // Whoever closes it writes the rest.
      if (error !== signal.reason) throw error;
    }
  }

  /** @returns whether the disk took it */
  async #writeOut(): Promise<boolean> {
    try {
      if (!this.#files) {
        await removeSpool(this.#options.directory).catch(() => undefined);
        const { directory, limitBytes } = this.#options;
        this.#files = new SpoolFiles(directory, this.#stream, limitBytes);
      }
      if (this.#forgotten < this.#acknowledged) {
        this.#forgotten = this.#acknowledged;
        await this.#files.forget(this.#forgotten);
      }
      const items = this.#tail.takeUnwritten(Math.min(WRITE_BYTES, this.#files.segmentBytes));
      await this.#files.append(items);
      this.#tail.written();
    } catch (error) {
      this.#tail.failed();
      this.#fail(error);
      return false;
    }
    if (this.#tail.unwrittenCost < UNWRITTEN_BYTES / 4) this.#say(undefined);
    return true;
  }

  #fail(error: unknown): void {
    const { code } = error as NodeJS.ErrnoException;
    if (code === undefined) throw error;
    this.#say(
      code === "ENOSPC" || code === "EDQUOT"
        ? this.#words("is full; make room there")
        : this.#words(`cannot be written (${code}); look after that disk`),
    );
  }

  #words(what: string): string {
    return `the disk of the console spool in ${this.#options.directory} ${what}. The console goes on; up to ${UNWRITTEN_BYTES / 1_048_576} MiB of it are kept in memory meanwhile`;
  }

  #say(problem: string | undefined): void {
    if (problem === this.#problem) return;
    const { log, directory } = this.#options;
    if (problem === undefined)
      log.info({ directory }, "the console spool is written to disk again");
    else log.error({ directory, problem }, "a console spool is not written to disk");
    this.#problem = problem;
    for (const callback of this.#problems) callback();
  }
}

/**
 * Where an agent begins to number that goes on with a spool: beyond what any agent before it has used, also one whose
 * last numbers never reached the disk. Consoles say less than a byte a microsecond, so that the time is such a number.
 */
function numberAfter(next: number, nowMicros: number): number {
  return Math.max(next + LEAP, Math.min(nowMicros, LAST_NUMBER));
}
