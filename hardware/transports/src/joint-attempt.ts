import { reasonOf } from "@outrider/ports/deadline";

interface Running<T> {
  readonly result: Promise<T>;
  readonly controller: AbortController;
  waiting: number;
}

/** One attempt at a time, shared by all who ask while it runs, and given up once the last of them has given up. */
export class JointAttempt<T> {
  #running: Running<T> | undefined;

  /** @param what names device and request, for who is timed out by a limit of its own */
  async join(
    signal: AbortSignal,
    what: string,
    work: (signal: AbortSignal) => Promise<T>,
  ): Promise<T> {
    if (signal.aborted) throw reasonOf(signal, what);
    const running = (this.#running ??= this.#start(work));
    running.waiting += 1;
    const gone = Promise.withResolvers<never>();
    const leave = (): void => {
      gone.reject(reasonOf(signal, what));
      running.waiting -= 1;
      if (running.waiting > 0) return;
      if (this.#running === running) this.#running = undefined;
      running.controller.abort(signal.reason);
    };
    signal.addEventListener("abort", leave, { once: true });
    try {
      return await Promise.race([running.result, gone.promise]);
    } finally {
      signal.removeEventListener("abort", leave);
    }
  }

  #start(work: (signal: AbortSignal) => Promise<T>): Running<T> {
    const controller = new AbortController();
    const running = { result: work(controller.signal), controller, waiting: 0 };
    const over = (): void => {
      if (this.#running === running) this.#running = undefined;
    };
    running.result.then(over, over);
    return running;
  }
}
