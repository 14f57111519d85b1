import { Worker } from "node:worker_threads";
import type { SealTask, SearchStatistics, SearchTask, WorkerAnswer } from "./search-task.js";

type Task = SealTask | SearchTask;

interface Job {
  readonly task: Task;
  readonly onAnswer: (answer: WorkerAnswer) => void;
}

/**
 * Threads for work that would hold up consoles. They are started when there is something to do, and do one thing at a
 * time; what does not fit waits in order.
 */
export class WorkerPool implements AsyncDisposable {
  readonly #idle: Worker[] = [];
  readonly #busy = new Map<Worker, Job>();
  readonly #queue: Job[] = [];
  #closed = false;

  constructor(readonly size: number) {}

  /** Does a task. @returns what it says of itself @throws what went wrong */
  async run(
    task: Task,
    onHits: (hits: (WorkerAnswer & { kind: "hits" })["hits"]) => void = () => undefined,
  ): Promise<SearchStatistics | undefined> {
    return new Promise((resolve, reject) => {
      const onAnswer = (answer: WorkerAnswer): void => {
        if (answer.kind === "hits") onHits(answer.hits);
        else if (answer.kind === "done") resolve(answer.statistics);
        else reject(new Error(answer.message));
      };
      this.#queue.push({ task, onAnswer });
      this.#next();
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true;
    const workers = [...this.#idle, ...this.#busy.keys()];
    this.#failQueue();
    await Promise.all(workers.map((worker) => worker.terminate()));
  }

  #next(): void {
    if (this.#closed) return this.#failQueue();
    while (this.#queue.length > 0 && this.#busy.size < this.size) {
      const job = this.#queue.shift() as Job;
      const worker = this.#idle.pop() ?? this.#start();
      this.#busy.set(worker, job);
      worker.ref();
      // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread is no window
      worker.postMessage(job.task);
    }
  }

  #start(): Worker {
    const worker = new Worker(new URL("./log-worker.js", import.meta.url));
    worker.on("message", (answer: WorkerAnswer) => {
      const job = this.#busy.get(worker);
      if (answer.kind !== "hits") {
        this.#busy.delete(worker);
        this.#idle.push(worker);
        worker.unref();
      }
      job?.onAnswer(answer);
      if (answer.kind !== "hits") this.#next();
    });
    worker.on("error", (error) => this.#lost(worker, String(error)));
    worker.on("exit", () => this.#lost(worker, "the thread was ended"));
    return worker;
  }

  #lost(worker: Worker, message: string): void {
    const job = this.#busy.get(worker);
    this.#busy.delete(worker);
    const idle = this.#idle.indexOf(worker);
    if (idle >= 0) this.#idle.splice(idle, 1);
    job?.onAnswer({ kind: "failed", message });
    this.#next();
  }

  #failQueue(): void {
    for (const job of this.#queue.splice(0)) {
      job.onAnswer({ kind: "failed", message: "The logs are being closed." });
    }
  }
}
