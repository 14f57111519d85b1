import { milliseconds, type Clock } from "@outrider/contracts/clock";
import { Notifier } from "@outrider/messaging/notifier";

/** So much of an interval each pause is longer or shorter, so that endpoints of one interval spread out. */
const JITTER = 0.1;
/** Made once: an abort without a reason makes an error with a stack each time. */
const RESTED = new Error("rested");

export interface SamplerOptions {
  readonly clock: Clock;
  /** How often, in milliseconds; asked each time. */
  readonly everyMs: () => number;
  /** Takes one sample. @throws only a defect, or the signal's reason */
  readonly take: (signal: AbortSignal) => Promise<void>;
  readonly defect: (error: unknown) => void;
  /** 0 to 1. */
  readonly random?: () => number;
}

/** Takes samples of one endpoint for as long as it lives, never two at once. */
export class Sampler implements AsyncDisposable {
  readonly #ended = new AbortController();
  readonly #wake = new Notifier();
  readonly #running: Promise<void>;
  #poked = false;

  constructor(private readonly options: SamplerOptions) {
    this.#running = this.#run(this.#ended.signal).catch((error: unknown) => {
      if (!this.#ended.signal.aborted) options.defect(error);
    });
  }

  /** Takes the next one now. */
  poke(): void {
    this.#poked = true;
    this.#wake.tell();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#ended.abort(RESTED);
    await this.#running;
  }

  async #run(signal: AbortSignal): Promise<void> {
    const { take, everyMs, random = Math.random } = this.options;
    while (!signal.aborted) {
      this.#poked = false;
      await take(signal);
      if (!this.#poked) await this.#rest(everyMs() * (1 - JITTER + 2 * JITTER * random()), signal);
    }
  }

  async #rest(ms: number, signal: AbortSignal): Promise<void> {
    const over = new AbortController();
    const either = AbortSignal.any([signal, over.signal]);
    const slept = this.options.clock.sleep(milliseconds(ms), either);
    const woken = this.#wake.next(either);
    try {
      await Promise.race([slept, woken]);
    } finally {
      over.abort(RESTED);
      await Promise.allSettled([slept, woken]);
    }
  }
}
