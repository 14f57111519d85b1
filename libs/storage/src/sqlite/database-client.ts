import { Worker } from "node:worker_threads";
import { StorageError } from "../storage-error.js";
import { errorOf } from "../write-queue.js";
import type { ConnectionOptions, Reply, ReplyOf, Request } from "./protocol.js";

interface Waiting {
  resolve(value: unknown): void;
  reject(error: StorageError): void;
}

/**
 * The near end of a database thread: requests go in, replies come back in the same order.
 *
 * Plain messages: a channel of its own, or a thread that waits with Atomics, is no faster once a flush lies between,
 * since what costs is waking two sleeping threads (some 0.1 ms together).
 */
export class DatabaseClient {
  readonly #worker: Worker;
  readonly #waiting: Waiting[] = [];
  readonly #ended: Promise<void>;
  #death: StorageError | undefined;

  private constructor(options: ConnectionOptions) {
    this.#worker = new Worker(new URL("database-thread.js", import.meta.url), {
      name: "storage",
      workerData: options,
      // What the process was started with (loaders, inspectors, test runners) is none of this thread's business.
      execArgv: [],
    });
    this.#worker.on("message", (reply: Reply) => {
      const waiting = this.#waiting.shift();
      if ("failure" in reply) waiting?.reject(errorOf(reply.failure));
      else waiting?.resolve(reply.value);
    });
    this.#worker.on("error", (cause) => this.#die(options.file, cause));
    this.#ended = new Promise((resolve) => {
      this.#worker.once("exit", () => {
        this.#die(options.file, undefined);
        resolve();
      });
    });
  }

  /** @throws StorageError when the file cannot be opened or migrated; the thread is gone then. */
  static async open(options: ConnectionOptions): Promise<DatabaseClient> {
    const client = new DatabaseClient(options);
    try {
      await client.#reply();
    } catch (error) {
      await client.#ended;
      throw error;
    }
    return client;
  }

  /** Whether the thread is gone: every request is rejected from now on. */
  get dead(): boolean {
    return this.#death !== undefined;
  }

  request<R extends Request>(request: R): Promise<ReplyOf[R["kind"]]> {
    if (this.#death) return Promise.reject(this.#death);
    // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread is no window
    this.#worker.postMessage(request);
    return this.#reply() as Promise<ReplyOf[R["kind"]]>;
  }

  /** Closes the file and resolves when the thread has ended. */
  async close(): Promise<void> {
    if (!this.#death) await this.request({ kind: "close" });
    await this.#ended;
  }

  #reply(): Promise<unknown> {
    return new Promise((resolve, reject) => this.#waiting.push({ resolve, reject }));
  }

  #die(file: string, cause: unknown): void {
    this.#death ??= new StorageError(
      "io",
      `the database thread of ${file} has ended, what was under way may or may not be applied; restart the process`,
      { cause },
    );
    for (const waiting of this.#waiting.splice(0)) waiting.reject(this.#death);
  }
}
