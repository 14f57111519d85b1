/** Runs one thing after another, whether or not the one before failed. */
export class Turns {
  #tail: Promise<unknown> = Promise.resolve();
  #stopped = false;

  get stopped(): boolean {
    return this.#stopped;
  }

  /** @throws Error once stopped; what was asked for is not done then */
  take<T>(run: () => Promise<T>): Promise<T> {
    const turn = this.#tail.then(() => {
      if (this.#stopped) throw new StoppedError();
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

/** The service is leaving. */
export class StoppedError extends Error {
  override readonly name = "StoppedError";

  constructor() {
    super("the service is stopping");
  }
}
