import { Worker } from "node:worker_threads";

interface Waiting<Reply> {
  resolve(reply: Reply): void;
  reject(error: Error): void;
}

/** The near end of a thread that answers requests in their order, the first time unasked. */
export class Thread<Request, Reply> {
  readonly #worker: Worker;
  readonly #waiting: Waiting<Reply>[] = [];
  readonly #ended: Promise<void>;
  readonly opened: Promise<Reply>;
  #death: Error | undefined;

  constructor(module: URL, options: unknown) {
    // What the process was started with (loaders, inspectors, test runners) is none of this thread's business.
    this.#worker = new Worker(module, { workerData: options, execArgv: [] });
    this.#worker.on("message", (reply: Reply) => this.#waiting.shift()?.resolve(reply));
    this.#worker.on("error", (cause) => this.#die(cause));
    this.#ended = new Promise((resolve) => {
      this.#worker.once("exit", () => {
        this.#die(undefined);
        resolve();
      });
    });
    this.opened = this.#reply();
  }

  /** @throws Error when the thread is gone */
  ask(request: Request, transfer: readonly ArrayBuffer[] = []): Promise<Reply> {
    if (this.#death) return Promise.reject(this.#death);
    this.#worker.postMessage(request, transfer);
    return this.#reply();
  }

  /** Resolves when the thread has ended. @param last makes it end */
  async close(last: Request): Promise<void> {
    if (!this.#death) await this.ask(last);
    await this.#ended;
  }

  #reply(): Promise<Reply> {
    return new Promise((resolve, reject) => this.#waiting.push({ resolve, reject }));
  }

  #die(cause: unknown): void {
    this.#death ??= new Error("a thread of the embedded store has ended; restart the process", {
      cause,
    });
    for (const waiting of this.#waiting.splice(0)) waiting.reject(this.#death);
  }
}
