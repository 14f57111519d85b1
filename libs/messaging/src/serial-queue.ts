type Task = () => void | Promise<void>;

/** Finished tasks are let go in lots, the fewer the longer the queue: taking one off the front moves all others. */
const LOT = 1024;

/** Runs tasks one after another, in the order in which they came; at once when nothing is running. */
export class SerialQueue {
  readonly #failed: (error: unknown) => void;
  #tasks: Task[] = [];
  #next = 0;
  #busy = false;

  /** @param failed is told of every task that threw; the next one runs all the same */
  constructor(failed: (error: unknown) => void) {
    this.#failed = failed;
  }

  push(task: Task): void {
    this.#tasks.push(task);
    if (!this.#busy) this.#drain();
  }

  /** Forgets what has not begun. */
  clear(): void {
    this.#tasks = [];
    this.#next = 0;
  }

  #drain(): void {
    this.#busy = true;
    for (let task = this.#take(); task; task = this.#take()) {
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

  #take(): Task | undefined {
    const task = this.#tasks[this.#next];
    if (!task) this.clear();
    else if (++this.#next >= LOT && this.#next * 2 >= this.#tasks.length) {
      this.#tasks = this.#tasks.slice(this.#next);
      this.#next = 0;
    }
    return task;
  }
}
