import { seconds, type Clock } from "@outrider/contracts/clock";
import type { SourcePosition } from "./console-log.js";
import { SegmentDoubt, type RawSegment } from "./raw-segment.js";

/** How long after a failure the disk is tried again. */
export const RETRY_AFTER = seconds(5);
/**
 * A write that takes longer than this is treated as a failure for as long as it lasts: nobody waits for it. Until then a
 * console that says more than memory holds is paused, and its agent keeps what it says.
 */
export const STALLED_AFTER = seconds(10);

interface WrittenLog {
  readonly node: string;
  readonly raws: readonly RawSegment[];
  resumeAfterFailure(): void;
  noteDoubt(fromMicros: number): void;
}

interface WriterHost {
  readonly clock: Clock;
  readonly refusal: string | undefined;
  stored(log: unknown): void;
  problemChanged(log: unknown): void;
}

/** Brings one log to the disk: one write at a time, everything that gathered meanwhile in the next one. */
export class DiskWriter {
  stored: SourcePosition | undefined;
  #problem: string | undefined;
  #writing: Promise<void> | undefined;
  #writingSinceMs = 0;
  #retryAtMs = 0;
  #syncing: Promise<void> | undefined;
  #syncedMicros: number;
  readonly #waiting = new Set<() => void>();

  constructor(
    readonly log: WrittenLog,
    readonly host: WriterHost,
  ) {
    this.#syncedMicros = host.clock.now().getTime() * 1000;
  }

  get problem(): string | undefined {
    return this.#problem;
  }

  /** Whether waiting for the disk makes no sense. */
  get failing(): boolean {
    return this.#problem !== undefined;
  }

  get isDirty(): boolean {
    return this.log.raws.some((raw) => !raw.isSynced);
  }

  get waitingCost(): number {
    let cost = 0;
    for (const raw of this.log.raws) cost += raw.waitingCost;
    return cost;
  }

  /** Resolves once `is` holds, which is asked again whenever something was written or failed. */
  async until(is: () => boolean, signal?: AbortSignal): Promise<void> {
    while (!is()) {
      signal?.throwIfAborted();
      await new Promise<void>((resolve, reject) => {
        const done = (): void => {
          signal?.removeEventListener("abort", abort);
          resolve();
        };
        const abort = (): void => {
          this.#waiting.delete(done);
          reject(signal?.reason);
        };
        signal?.addEventListener("abort", abort, { once: true });
        this.#waiting.add(done);
      });
    }
  }

  /** Writes what waits, unless it was tried just now and failed. Never throws: what the disk says becomes a problem. */
  write(urgent = false): Promise<void> {
    const nowMs = this.host.clock.monotonicMs();
    if (this.#writing) return this.#writing;
    if (!urgent && nowMs < this.#retryAtMs) return Promise.resolve();
    this.#writingSinceMs = nowMs;
    this.#writing = this.#writeAll().finally(() => {
      this.#writing = undefined;
      this.#release();
    });
    return this.#writing;
  }

  /** Looks whether a write takes too long. */
  checkStall(): void {
    if (!this.#writing || this.failing) return;
    if (this.host.clock.monotonicMs() - this.#writingSinceMs < STALLED_AFTER) return;
    this.#setProblem(
      `The disk has not taken the log of ${this.log.node} for ten seconds. The console goes on; what does not fit into memory is asked for again from its agent. Look for a disk that fails or is overloaded.`,
    );
  }

  /** Writes what waits and brings it to the disk. Never throws. */
  sync(urgent = false): Promise<void> {
    this.#syncing ??= this.#syncAll(urgent).finally(() => (this.#syncing = undefined));
    return this.#syncing;
  }

  async #writeAll(): Promise<void> {
    try {
      for (const raw of this.log.raws) {
        if (!raw.isDirty) continue;
        const { refusal } = this.host;
        if (refusal !== undefined) throw new Refused(refusal);
        await raw.write();
      }
      this.#setProblem(undefined);
      this.#retryAtMs = 0;
      this.log.resumeAfterFailure();
    } catch (cause) {
      this.#failed(cause);
    }
  }

  async #syncAll(urgent: boolean): Promise<void> {
    await this.write(urgent);
    if (this.failing) return;
    const nowMicros = this.host.clock.now().getTime() * 1000;
    let stored: SourcePosition | undefined;
    try {
      for (const raw of this.log.raws) {
        stored = (await raw.sync()) ?? stored;
        // One that was closed while it was being written has a rest that is in no file, or in one and not on the disk.
        // The next one goes on behind that rest, so that where it stands in the source vouches for too much.
        if (!raw.isSynced) break;
      }
    } catch (cause) {
      // The segment writes it again before its next sync, unless it is not there any more.
      if (cause instanceof SegmentDoubt) this.log.noteDoubt(this.#syncedMicros);
      this.#failed(cause);
      return;
    }
    this.#syncedMicros = nowMicros;
    if (stored && (stored.stream !== this.stored?.stream || stored.offset !== this.stored.offset)) {
      this.stored = stored;
      this.host.stored(this.log);
    }
  }

  #failed(cause: unknown): void {
    this.#retryAtMs = this.host.clock.monotonicMs() + RETRY_AFTER;
    this.#setProblem(problemText(this.log.node, cause));
  }

  #setProblem(problem: string | undefined): void {
    if (problem === this.#problem) return;
    this.#problem = problem;
    this.host.problemChanged(this.log);
    this.#release();
  }

  #release(): void {
    const waiting = [...this.#waiting];
    this.#waiting.clear();
    for (const done of waiting) done();
  }
}

/** Writing was not even tried. */
class Refused extends Error {}

function problemText(node: string, cause: unknown): string {
  const goesOn =
    "The console goes on; what does not fit into memory is asked for again from its agent, and marked where that has it no more.";
  if (cause instanceof Refused) return `${cause.message} ${goesOn}`;
  const { code, message } = cause as NodeJS.ErrnoException;
  switch (code) {
    case "ENOSPC":
    case "EDQUOT":
      return `The disk is full: the log of ${node} cannot be written. Free space on it, or lower OUTRIDER_CONSOLE_LOG_BYTES. ${goesOn}`;
    case "EROFS":
      return `The file system is read-only: the log of ${node} cannot be written. Look for disk errors in the kernel's log. ${goesOn}`;
    case "EACCES":
    case "EPERM":
      return `The log of ${node} cannot be written: no permission. Give its directory to the user that Outrider runs as. ${goesOn}`;
    default:
      return `The log of ${node} cannot be written: ${code ?? message}. Look at the disk. ${goesOn}`;
  }
}
