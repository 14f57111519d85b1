import { milliseconds, type Clock } from "@outrider/contracts/clock";
import type { Log } from "@outrider/messaging/log";
import type { Backend } from "./backend.js";
import type { Batch, Spool } from "./spool/spool.js";

/** Points of one request. */
const BATCH_POINTS = 10_000;
const FIRST_PAUSE_MS = 250;
const LONGEST_PAUSE_MS = 15_000;

type Delivered = Pick<Batch, "points" | "end">;

interface Unsettled {
  /** Without its records. */
  readonly batch: Delivered;
  readonly deliveredMs: number;
}

/**
 * Brings what is in the spool to the database, oldest first, for as long as it takes. What a kill of the database might
 * undo stays in the spool until it cannot any more, and is delivered again when the database was away or began anew.
 */
export class Sender {
  /** Points that the database refused for good. */
  refused = 0;
  #problem: string | undefined;
  readonly #closing = new AbortController();
  #wake: (() => void) | undefined;
  #unsettled: Unsettled[] = [];
  #incarnation: string | undefined;
  #failures = 0;
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
    while (!signal.aborted) {
      const woken = Promise.withResolvers<void>();
      this.#wake = woken.resolve;
      try {
        await this.#settle();
        const batch = await this.spool.next(BATCH_POINTS, this.#unsettled.at(-1)?.batch.end);
        if (batch) await this.#deliver(batch);
        else if (!signal.aborted) await this.#idle(woken.promise);
      } catch (error) {
        if (!signal.aborted) await this.#pause(error as Error);
      }
    }
  }

  async #deliver(batch: Batch): Promise<void> {
    const { signal } = this.#closing;
    this.#incarnation ??= await this.backend.incarnation(signal);
    const { refused, why } = await this.backend.deliver(batch, signal);
    if (refused > 0) {
      this.refused += refused;
      this.log.warn({ points: refused, why }, "the database refused values for good");
    }
    if (this.backend.settleMs === 0) await this.spool.delivered(batch);
    else {
      const { points, end } = batch;
      this.#unsettled.push({ batch: { points, end }, deliveredMs: this.clock.monotonicMs() });
    }
    this.#failures = 0;
    this.#setProblem(undefined);
  }

  async #settle(): Promise<void> {
    const beforeMs = this.clock.monotonicMs() - this.backend.settleMs;
    const settled = this.#unsettled.findLastIndex(({ deliveredMs }) => deliveredMs <= beforeMs);
    if (settled < 0) return;
    const incarnation = await this.backend.incarnation(this.#closing.signal);
    if (incarnation !== this.#incarnation) return this.#again();
    for (const { batch } of this.#unsettled.splice(0, settled + 1)) {
      await this.spool.delivered(batch);
    }
  }

  /** Until something was appended, or is to be settled. */
  async #idle(woken: Promise<void>): Promise<void> {
    const [first] = this.#unsettled;
    if (!first) return woken;
    const leftMs = first.deliveredMs + this.backend.settleMs - this.clock.monotonicMs();
    const stop = new AbortController();
    const signal = AbortSignal.any([this.#closing.signal, stop.signal]);
    const slept = this.clock.sleep(milliseconds(Math.max(1, leftMs)), signal);
    await Promise.race([woken, slept.catch(() => undefined)]);
    stop.abort();
  }

  async #pause(cause: Error): Promise<void> {
    this.#again();
    this.#setProblem(cause.message);
    const pauseMs = Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** this.#failures);
    this.#failures += 1;
    const jitter = 0.8 + Math.random() * 0.4;
    const pause = milliseconds(pauseMs * jitter);
    await this.clock.sleep(pause, this.#closing.signal).catch(() => undefined);
  }

  /** What is not settled is delivered again. */
  #again(): void {
    this.#unsettled = [];
    this.#incarnation = undefined;
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
