import type { Clock, Duration } from "@outrider/contracts/clock";
import type { ConsoleRecorder } from "./console-recorder.js";

/** How much of what was said last is looked at: a few lines. */
const REMEMBERED = 512;

/** Listens to a console for what a kernel says. Whoever is at the console can say the same: it is no evidence. */
export class KernelWords implements Disposable {
  readonly #watch: Disposable;
  #said = "";
  #heard: () => void = () => {};

  constructor(
    recorder: Pick<ConsoleRecorder, "watch">,
    private readonly clock: Clock,
  ) {
    this.#watch = recorder.watch((chunk) => {
      const tail = chunk.length > REMEMBERED ? chunk.subarray(-REMEMBERED) : chunk;
      this.#said = (this.#said + tail.toString("latin1")).slice(-REMEMBERED);
      this.#heard();
    });
  }

  /** What was said until now counts no more. */
  forget(): void {
    this.#said = "";
  }

  /**
   * Waits until one of the patterns was said, at most for so long, and at most until the signal is aborted.
   * @returns which; undefined: none
   */
  async hear(
    patterns: readonly RegExp[],
    within: Duration,
    signal: AbortSignal,
  ): Promise<RegExp | undefined> {
    const said = (): RegExp | undefined => patterns.find((pattern) => pattern.test(this.#said));
    const over = new AbortController();
    const found = Promise.withResolvers<void>();
    this.#heard = () => {
      if (said()) found.resolve();
    };
    this.#heard();
    const rest = this.clock.sleep(within, AbortSignal.any([signal, over.signal]));
    try {
      await Promise.race([found.promise, rest]);
    } catch {
      // Who gave the signal knows why.
    } finally {
      this.#heard = () => {};
      over.abort(HEARD);
      await rest.catch(() => undefined);
    }
    return said();
  }

  [Symbol.dispose](): void {
    this.#watch[Symbol.dispose]();
  }
}

const HEARD = new Error("heard");
