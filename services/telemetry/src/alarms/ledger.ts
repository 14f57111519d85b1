import { seconds, type Clock } from "@outrider/contracts/clock";
import type { Log } from "@outrider/messaging/log";
import type { Statement, Storage } from "@outrider/storage/storage";
import { isStorageError } from "@outrider/storage/storage-error";

/** Statements that wait for a database that does not answer; beyond that the oldest go. */
const MOST_WAITING = 20_000;
const MOST_AT_ONCE = 500;
const RETRY = seconds(1);

interface Entry {
  readonly statements: readonly Statement[];
  readonly done: () => void;
}

/**
 * Writes to the database in the order of asking, many at once where many wait. People are told of an alarm also when it
 * cannot be written down: what failed is told on, and written as soon as that can be.
 */
export class Ledger {
  readonly #stopped = new AbortController();
  #waiting: Entry[] = [];
  #count = 0;
  #running: Promise<void> | undefined;
  #fails = false;
  #lost = 0;

  constructor(
    private readonly parts: {
      readonly storage: Storage;
      readonly clock: Clock;
      readonly log: Log;
      readonly defect: (error: unknown) => void;
    },
  ) {}

  /** Statements that were given up because the database was away for too long. */
  get lost(): number {
    return this.#lost;
  }

  /** Statements that are not written yet. */
  get waiting(): number {
    return this.#count;
  }

  /** Whether what is of less weight should wait: the database fails, or is slower than what is to be written. */
  get isBehind(): boolean {
    return this.#fails || this.#count > MOST_AT_ONCE;
  }

  /** Resolves once they are written; at once while the database fails, and they are written later. */
  put(statements: readonly Statement[]): Promise<void> {
    return new Promise((resolve) => {
      this.#waiting.push({ statements, done: resolve });
      this.#count += statements.length;
      while (this.#count > MOST_WAITING) {
        const [oldest] = this.#waiting.splice(0, 1);
        if (!oldest) break;
        this.#count -= oldest.statements.length;
        this.#lost += oldest.statements.length;
        oldest.done();
      }
      if (this.#fails) resolve();
      this.#running ??= this.#run();
    });
  }

  /** Writes what waits, if that can be. */
  async stop(): Promise<void> {
    this.#stopped.abort();
    await this.#running;
  }

  async #run(): Promise<void> {
    // Whatever else comes in this turn goes with the first.
    await Promise.resolve();
    while (this.#waiting.length > 0 && (await this.#write()));
    // In the same turn as the last look at what waits: nobody comes in between and is left waiting.
    this.#running = undefined;
  }

  /** Writes the next few. @returns whether to go on */
  async #write(): Promise<boolean> {
    const { storage, log, defect, clock } = this.parts;
    const group = this.#next();
    try {
      await storage.write(group.flatMap(({ statements }) => statements));
      this.#fails = false;
    } catch (error) {
      if (!isStorageError(error)) {
        defect(error);
        return false;
      }
      if (!this.#fails) {
        log.error({ err: error }, "alarms and events are told and cannot be written down");
      }
      this.#fails = true;
      this.#waiting.unshift(...group);
      for (const { done } of this.#waiting) done();
      if (this.#stopped.signal.aborted) return false;
      await clock.sleep(RETRY, this.#stopped.signal).catch(() => undefined);
      return true;
    }
    for (const { statements, done } of group) {
      this.#count -= statements.length;
      done();
    }
    return true;
  }

  #next(): Entry[] {
    let [count, at] = [0, 0];
    while (at < this.#waiting.length && count < MOST_AT_ONCE) {
      count += this.#waiting[at++]?.statements.length ?? 0;
    }
    return this.#waiting.splice(0, at);
  }
}
