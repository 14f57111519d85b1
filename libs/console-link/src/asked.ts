import { LinkError } from "./link-error.js";

interface Waiting {
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

/** What was asked of the other end and is not answered yet. */
export class Asked {
  readonly #waiting = new Map<number, Waiting>();
  #last = 0;
  #gone: LinkError | undefined;

  /**
   * @param send sends it with the id
   * @param cancel tells the other end that nobody waits any more
   * @throws LinkError · the signal's reason
   */
  ask(
    send: (id: number) => void,
    cancel: (id: number) => void,
    signal: AbortSignal | undefined,
  ): Promise<void> {
    if (this.#gone) return Promise.reject(this.#gone);
    if (signal?.aborted) return Promise.reject(signal.reason as Error);
    if (this.#waiting.size >= MAX_WAITING) {
      return Promise.reject(
        new LinkError("busy", "the device has not yet done what was asked before"),
      );
    }
    this.#last = (this.#last + 1) >>> 0;
    const id = this.#last;
    return new Promise((resolve, reject) => {
      const abort = (): void => {
        this.#waiting.delete(id);
        cancel(id);
        reject(signal?.reason as Error);
      };
      const over = (): void => signal?.removeEventListener("abort", abort);
      this.#waiting.set(id, {
        resolve: () => {
          over();
          resolve();
        },
        reject: (error) => {
          over();
          reject(error);
        },
      });
      // First: it may be a key that somebody waits for the echo of.
      send(id);
      if (this.#waiting.has(id)) signal?.addEventListener("abort", abort, { once: true });
    });
  }

  /** Answers that nobody waits for are nothing. */
  done(id: number): void {
    this.#take(id)?.resolve();
  }

  failed(id: number, error: LinkError): void {
    this.#take(id)?.reject(error);
  }

  /** Nothing will be answered any more. */
  end(reason: string): void {
    this.#gone = new LinkError("gone", reason);
    for (const id of this.#waiting.keys()) this.failed(id, this.#gone);
  }

  #take(id: number): Waiting | undefined {
    const waiting = this.#waiting.get(id);
    this.#waiting.delete(id);
    return waiting;
  }
}

const MAX_WAITING = 8192;
