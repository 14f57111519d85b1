import { milliseconds, timestamp, type Clock, type Duration } from "@outrider/contracts/clock";
import { Notifier } from "@outrider/messaging/notifier";
import { PortError } from "@outrider/ports/port-error";
import type { PowerReading } from "@outrider/ports/power-port";
import type { Guardian } from "./guardian.js";
import { ObservationTracker } from "./observation-tracker.js";
import type { PowerEndpoint } from "./power-endpoint.js";
import type { Reporter } from "./reporter.js";

/** Unchanged values are repeated this often within the span in which they go stale. */
const REPEATS = 3;
/** This part of an interval a regular reading may be kept back, so that many endpoints share one. */
const PATIENCE = 1 / 8;
/** Made once: an abort without a reason makes an error with a stack each time. */
const RESTED = new Error("rested");

export interface MonitorOptions {
  readonly clock: Clock;
  readonly reporter: Pick<Reporter, "observe">;
  readonly guardian: Pick<Guardian, "seen" | "measured">;
  readonly defect: (error: unknown) => void;
}

/**
 * Reads one endpoint, regularly and whenever its device says that something changed, and reports: a change at once,
 * the same again before it goes stale.
 */
export class EndpointMonitor implements AsyncDisposable {
  readonly #tracker = new ObservationTracker();
  readonly #wake = new Notifier();
  readonly #ended = new AbortController();
  readonly #watch: Disposable | undefined;
  readonly #running: Promise<void>;
  #reportedMs = Number.NEGATIVE_INFINITY;
  #poked = false;
  /** Whether a problem was logged that is not over. */
  #isTroubled = false;

  constructor(
    private readonly endpoint: PowerEndpoint,
    private readonly options: MonitorOptions,
  ) {
    endpoint.onReading = (reading, undisturbed, askedMs) =>
      this.#take(reading, undisturbed, askedMs);
    endpoint.poke = () => this.#poke();
    this.#watch = endpoint.port?.watch?.(() => this.#poke());
    this.#running = this.#run(this.#ended.signal).catch((error: unknown) => {
      if (!this.#ended.signal.aborted) options.defect(error);
    });
  }

  /** What was reported before counts no more: somebody new listens. */
  repeat(): void {
    this.#reportedMs = Number.NEGATIVE_INFINITY;
    this.#poke();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#ended.abort();
    this.#watch?.[Symbol.dispose]();
    this.endpoint.onReading = undefined;
    this.endpoint.poke = () => {};
    await this.#running;
  }

  /** How long until the next reading, and so the next chance to report. */
  get #interval(): Duration {
    const { sampleEveryMs, staleAfterMs } = this.endpoint.desired;
    return milliseconds(Math.min(sampleEveryMs, staleAfterMs / REPEATS));
  }

  async #run(signal: AbortSignal): Promise<void> {
    // The first reading, and whatever was asked for, does not wait for others.
    let patience: Duration | undefined;
    while (!signal.aborted) {
      this.#poked = false;
      try {
        await this.endpoint.sense(signal, { patience });
      } catch (error) {
        if (!(error instanceof PortError)) throw error;
      }
      if (!this.#poked) await this.#rest(signal);
      patience = this.#poked ? undefined : milliseconds(this.#interval * PATIENCE);
    }
  }

  async #rest(signal: AbortSignal): Promise<void> {
    const over = new AbortController();
    const end = (): void => over.abort(signal.reason);
    signal.addEventListener("abort", end, { once: true });
    const rest = milliseconds(this.#interval * (1 - PATIENCE));
    const slept = this.options.clock.sleep(rest, over.signal);
    const woken = this.#wake.next(over.signal);
    try {
      await Promise.race([slept, woken]);
    } finally {
      signal.removeEventListener("abort", end);
      over.abort(RESTED);
      await Promise.allSettled([slept, woken]);
    }
  }

  #poke(): void {
    this.#poked = true;
    this.#wake.tell();
  }

  /** Once when it begins and once when it is over. What is said while a supply is being switched is no news. */
  #tellProblem(problem: string | undefined, undisturbed: boolean): void {
    const { log } = this.endpoint;
    if (problem !== undefined && !this.#isTroubled && undisturbed) {
      this.#isTroubled = true;
      log.warn(
        { problem },
        "the supply cannot be read as it should; the state says so until it can",
      );
    }
    if (problem === undefined && this.#isTroubled) {
      this.#isTroubled = false;
      log.info({}, "the supply is read as it should again");
    }
  }

  #take(reading: PowerReading | PortError, undisturbed: boolean, askedMs: number): void {
    const { clock, reporter, guardian } = this.options;
    const { desired, memory } = this.endpoint;
    const { observation, changed } = this.#tracker.take(
      reading,
      timestamp(clock),
      desired,
      memory.fault,
    );
    const nowMs = clock.monotonicMs();
    const dueMs = this.#reportedMs + desired.staleAfterMs / REPEATS - this.#interval;
    if (changed || nowMs >= dueMs) {
      this.#reportedMs = nowMs;
      reporter.observe(observation);
    }
    this.#tellProblem(observation.problem, undisturbed);
    if (reading instanceof PortError) return;
    if (undisturbed) guardian.seen(this.endpoint, reading.supply);
    if (reading.drawWatts !== undefined)
      guardian.measured(this.endpoint, reading.drawWatts, askedMs);
  }
}
