import { RequestError } from "@outrider/messaging/request-error";

/** Runs one thing after another, whether or not the one before failed. */
export class Turns {
  #tail: Promise<unknown> = Promise.resolve();
  #stopped = false;

  get stopped(): boolean {
    return this.#stopped;
  }

  /** @throws RequestError `unavailable` once stopped; what was asked for is not done then */
  take<T>(run: () => Promise<T>): Promise<T> {
    const turn = this.#tail.then(() => {
      if (this.#stopped) {
        throw new RequestError(
          "unavailable",
          "the inventory service is stopping, so nothing was done; ask again in a few seconds",
        );
      }
      return run();
    });
    this.#tail = turn.catch(() => undefined);
    return turn;
  }

  /** Resolves when what is under way is done; what comes later is refused. */
  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#tail;
  }
}
