import { milliseconds, type Clock } from "@outrider/contracts/clock";
import type { Log } from "@outrider/messaging/log";
import type { Backend } from "./backend.js";
import type { Spool } from "./spool/spool.js";

/** Points of one request. */
export const BATCH_POINTS = 10_000;
const FIRST_PAUSE_MS = 250;
const LONGEST_PAUSE_MS = 15_000;

/** Brings what is in the spool to the database, oldest first, for as long as it takes. */
export class Sender {
  /** Points that the database refused for good. */
  refused = 0;
  #problem: string | undefined;
  readonly #closing = new AbortController();
  #wake: (() => void) | undefined;
  readonly #running: Promise<void>;

  constructor(
    private readonly spool: Spool,
    private readonly backend: Backend,
    private readonly clock: Clock,
    private readonly log: Log,
  ) {
    this.#running = this.#run();
  }

  /** Why nothing is delivered. */
  get problem(): string | undefined {
    return this.#problem;
  }

  /** Something was appended. */
  wake(): void {
    this.#wake?.();
  }

  /** Stops; what was not delivered stays in the spool. */
  async close(): Promise<void> {
    this.#closing.abort();
    this.wake();
    await this.#running;
  }

  async #run(): Promise<void> {
    const { signal } = this.#closing;
    let failures = 0;
    while (!signal.aborted) {
      const woken = Promise.withResolvers<void>();
      this.#wake = woken.resolve;
      try {
        const batch = await this.spool.next(BATCH_POINTS);
        if (!batch) {
          if (!signal.aborted) await woken.promise;
          continue;
        }
        const { refused, why } = await this.backend.deliver(batch, signal);
        if (refused > 0) {
          this.refused += refused;
          this.log.warn({ points: refused, why }, "the database refused values for good");
        }
        await this.spool.delivered(batch);
        failures = 0;
        this.#setProblem(undefined);
      } catch (error) {
        if (signal.aborted) return;
        this.#setProblem((error as Error).message);
        const pauseMs = Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** failures);
        failures += 1;
        const jitter = 0.8 + Math.random() * 0.4;
        await this.clock.sleep(milliseconds(pauseMs * jitter), signal).catch(() => undefined);
      }
    }
  }

  #setProblem(problem: string | undefined): void {
    if (problem === this.#problem) return;
    const before = this.#problem;
    this.#problem = problem;
    if (problem === undefined) this.log.info({}, "values are delivered to the database again");
    else if (before === undefined) {
      this.log.warn({ problem }, "values wait in the spool for the database");
    }
  }
}
