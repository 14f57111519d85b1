/** Runs tasks one after another, in the order in which they came; at once when nothing is running. */
export class SerialQueue {
  readonly #tasks: (() => void | Promise<void>)[] = [];
  readonly #failed: (error: unknown) => void;
  #busy = false;

  /** @param failed is told of every task that threw; the next one runs all the same */
  constructor(failed: (error: unknown) => void) {
    this.#failed = failed;
  }

  get length(): number {
    return this.#tasks.length;
  }

  push(task: () => void | Promise<void>): void {
    this.#tasks.push(task);
    if (!this.#busy) this.#drain();
  }

  /** Forgets what has not begun. */
  clear(): void {
    this.#tasks.length = 0;
  }

  #drain(): void {
    this.#busy = true;
    for (let task = this.#tasks.shift(); task; task = this.#tasks.shift()) {
      try {
        const running = task();
        if (running instanceof Promise) {
          running.then(undefined, this.#failed).finally(() => this.#drain());
          return;
        }
      } catch (error) {
        this.#failed(error);
      }
    }
    this.#busy = false;
  }
}
