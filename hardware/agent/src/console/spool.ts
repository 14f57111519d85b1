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
import { SpoolWriter, UNWRITTEN_BYTES } from "./spool-writer.js";

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
const CLOSE_WITHIN = seconds(2);
const OPEN_AGAIN_AFTER = milliseconds(500);
const ATTEMPTS = 3;
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
  readonly #writer: SpoolWriter;
  readonly #appended = new Set<() => void>();
  readonly #problems = new Set<() => void>();
  #stream: string = randomUUID();
  #next = 0;
  #began = 0;
  #acknowledged = -1;
  #lastMicros: number | undefined;
  #closing: Promise<void> | undefined;

  private constructor(options: SpoolOptions) {
    this.#options = options;
    this.#gather = options.gatherer.of((bytes, atMicros) => {
      this.#add({ kind: "bytes", offset: this.#next, atMicros, bytes });
    });
    this.#writer = new SpoolWriter(
      options,
      this.#tail,
      () => this.#stream,
      () => {
        for (const callback of this.#problems) callback();
      },
    );
  }

  /** Never fails: without a disk it is one in memory, and says so. */
  static async open(options: SpoolOptions): Promise<Spool> {
    const spool = new Spool(options);
    for (let attempt = 1; ; attempt++) {
      try {
        await spool.#find();
        return spool;
      } catch (error) {
        spool.#writer.failed(error);
      }
      // What passes, as too many open files, must not cost what is in there.
      if (attempt === ATTEMPTS) return spool;
      await options.clock.sleep(OPEN_AGAIN_AFTER);
    }
  }

  get stream(): string {
    return this.#stream;
  }

  get first(): number {
    return this.#writer.files?.first ?? this.#tail.first ?? this.#next;
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

  /** Whether the service has all that was ever in it. */
  get isAcknowledged(): boolean {
    return this.#acknowledged >= this.#next;
  }

  get problem(): string | undefined {
    return this.#writer.problem;
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

  readNow(from: number, maxBytes: number): readonly StreamItem[] | undefined {
    if (from >= this.#next) return [];
    const { first } = this.#tail;
    return first !== undefined && from >= first ? this.#tail.read(from, maxBytes) : undefined;
  }

  async read(from: number, maxBytes: number): Promise<readonly StreamItem[]> {
    const now = this.readNow(from, maxBytes);
    if (now) return now;
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
    this.#writer.forget(offset);
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
    const { clock, nowMicros } = this.#options;
    this.#gather.flush();
    const done = new AbortController();
    const late = clock.sleep(CLOSE_WITHIN, done.signal).catch(() => undefined);
    await Promise.race([this.#writer.close(nowMicros()), late]);
    done.abort();
    await late;
  }

  #add(item: SpoolItem): void {
    this.#next = nextAfter(item);
    const overflowed = this.#tail.push(item);
    for (const callback of this.#appended) callback();
    this.#writer.poke(overflowed);
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
      const files = new SpoolFiles(directory, this.#stream, limitBytes);
      // Before the first byte: the numbering of what is sent must outlive this process.
      await files.begin();
      return this.#writer.begin(files);
    }
    const { stream, next, lastMicros = 0, closed } = before.found;
    const toMicros = nowMicros();
    this.#stream = stream;
    this.#lastMicros = lastMicros;
    this.#began = numberAfter(next, toMicros);
    this.#next = this.#began;
    const aliveUntil = closed ? lastMicros : Math.max(lastMicros, aliveMicros);
    this.#tail.push({
      kind: "gap",
      start: next,
      offset: this.#began,
      lost: undefined,
      reason: "agent-down",
      fromMicros: Math.min(aliveUntil, toMicros),
      toMicros,
    });
    // Before the first byte: an agent that dies now must not have its numbers used again.
    await this.#writer.begin(before.files);
  }

  /** An error of the disk may pass; after some time it is a loss. */
  async #readDisk(from: number, maxBytes: number): Promise<readonly StreamItem[]> {
    const { log, directory, clock } = this.#options;
    const { files, closed } = this.#writer;
    if (!files) return [];
    for (let attempt = 1; !closed.aborted; attempt++) {
      try {
        return await files.read(from, maxBytes, this.#tail.first ?? this.#next);
      } catch (error) {
        if (attempt === ATTEMPTS) {
          log.error(
            { directory, err: error },
            "a console spool cannot be read; what is in it is lost",
          );
          return itemsFrom([unknownLoss(from, files.baseAfter(from))], from, maxBytes);
        }
        await clock.sleep(seconds(1), closed).catch(() => undefined);
      }
    }
    return [];
  }
}

/**
 * Where an agent begins to number that goes on with a spool: beyond what any agent before it has used, also one whose
 * last numbers never reached the disk. Consoles say less than a byte a microsecond, so that the time is such a number.
 */
function numberAfter(next: number, nowMicros: number): number {
  return Math.max(next + LEAP, Math.min(nowMicros, LAST_NUMBER));
}
