import { milliseconds, seconds, type Clock } from "@outrider/contracts/clock";
import type { AgentLog } from "../log.js";
import { setSpoolAside, SpoolFiles } from "./spool-files.js";
import type { SpoolTail } from "./spool-tail.js";

export interface SpoolWriterOptions {
  readonly directory: string;
  readonly limitBytes: number;
  readonly clock: Clock;
  readonly log: AgentLog;
}

/** Bound of what waits in memory for a disk that is slow, full or broken. */
export const UNWRITTEN_BYTES = 4_194_304;
const WRITE_BYTES = 1_048_576;
/** Writes are gathered for so long: the cost is per write. */
const WRITE_AFTER = milliseconds(50);
/** So much is written without waiting for more. */
const HURRY_BYTES = 524_288;
const RETRY_AFTER = seconds(2);

/** Brings a spool's tail to disk, one write at a time, and again where the disk did not take it. */
export class SpoolWriter {
  readonly #options: SpoolWriterOptions;
  readonly #tail: SpoolTail;
  readonly #stream: () => string;
  readonly #changed: () => void;
  readonly #closed = new AbortController();
  #files: SpoolFiles | undefined;
  #problem: string | undefined;
  #acknowledged = -1;
  #forgotten = -1;
  #writing: Promise<void> | undefined;
  #starting = false;
  /** Ends the time for which writes are gathered. */
  #pause: AbortController | undefined;

  /**
   * @param stream what the files are of, where they have to be made
   * @param changed called when the problem has changed
   */
  constructor(
    options: SpoolWriterOptions,
    tail: SpoolTail,
    stream: () => string,
    changed: () => void,
  ) {
    this.#options = options;
    this.#tail = tail;
    this.#stream = stream;
    this.#changed = changed;
  }

  /** Undefined until they could be opened. */
  get files(): SpoolFiles | undefined {
    return this.#files;
  }

  get problem(): string | undefined {
    return this.#problem;
  }

  /** Aborted once it is closed. */
  get closed(): AbortSignal {
    return this.#closed.signal;
  }

  /** Takes files that were opened, and writes what there is before anything else is written. */
  async begin(files: SpoolFiles): Promise<void> {
    this.#files = files;
    if (!(await this.#writeOut())) this.#start();
  }

  /** There is something new. @param overflowed whether something had to be given up for it */
  poke(overflowed: boolean): void {
    if (overflowed) this.#say("is slower than its console");
    if (this.#tail.unwrittenCost > HURRY_BYTES) this.#pause?.abort();
    this.#start();
  }

  /** Everything before a number is stored at the service. */
  forget(acknowledged: number): void {
    this.#acknowledged = acknowledged;
    this.#tail.forget(acknowledged, this.#problem !== undefined);
    if (this.#files?.canForget(acknowledged)) this.#start();
  }

  /** @throws what is no error of the system's */
  failed(error: unknown): void {
    const { code } = error as NodeJS.ErrnoException;
    if (code === undefined) throw error;
    const full = code === "ENOSPC" || code === "EDQUOT";
    this.#say(full ? "is full; make room there" : `cannot be written (${code}); look after it`);
  }

  /** Writes what is left, and that the spool was closed. */
  async close(atMicros: number): Promise<void> {
    this.#closed.abort(new Error("the spool is closed"));
    this.#pause?.abort();
    await this.#writing;
    while (this.#tail.hasUnwritten && (await this.#writeOut()));
    try {
      if (this.#problem === undefined) await this.#files?.append([{ kind: "closed", atMicros }]);
      await this.#files?.[Symbol.asyncDispose]();
    } catch {
      // The next start takes the last that was written, or the agent's own sign of life, for the end.
    }
  }

  /** After what goes over the link in this turn. */
  #start(): void {
    if (this.#writing || this.#starting) return;
    this.#starting = true;
    process.nextTick(() => {
      this.#starting = false;
      this.#startNow();
    });
  }

  #startNow(): void {
    if (this.#writing || this.#closed.signal.aborted) return;
    this.#writing = this.#write().finally(() => {
      this.#writing = undefined;
    });
  }

  async #write(): Promise<void> {
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

  /** One at a time. @returns whether the disk took it */
  async #writeOut(): Promise<boolean> {
    try {
      this.#files ??= await this.#make();
      if (this.#forgotten < this.#acknowledged) {
        this.#forgotten = this.#acknowledged;
        await this.#files.forget(this.#forgotten);
      }
      const items = this.#tail.takeUnwritten(Math.min(WRITE_BYTES, this.#files.segmentBytes));
      await this.#files.append(items);
      this.#tail.written();
    } catch (error) {
      this.#tail.failed();
      this.failed(error);
      return false;
    }
    if (this.#tail.unwrittenCost < UNWRITTEN_BYTES / 4) this.#say(undefined);
    return true;
  }

  /** Where those that were there could not be opened: begins anew beside them. */
  async #make(): Promise<SpoolFiles> {
    const { directory, limitBytes } = this.#options;
    await setSpoolAside(directory);
    const files = new SpoolFiles(directory, this.#stream(), limitBytes);
    await files.begin();
    return files;
  }

  #say(what: string | undefined): void {
    const { log, directory } = this.#options;
    const problem =
      what === undefined
        ? undefined
        : `the disk of the console spool in ${directory} ${what}. The console goes on; up to ${UNWRITTEN_BYTES / 1_048_576} MiB of it are kept in memory meanwhile`;
    if (problem === this.#problem) return;
    this.#problem = problem;
    if (problem === undefined)
      log.info({ directory }, "the console spool is written to disk again");
    else log.error({ directory, problem }, "a console spool is not written to disk");
    this.#changed();
  }
}
