import type { Log } from "@outrider/messaging/log";

/** One task after another per key; different keys side by side. */
export class Lanes<K> {
  readonly #tails = new Map<K, Promise<void>>();

  constructor(
    private readonly log: Log,
    /** A task that throws is a defect: what to do then. */
    private readonly defect: (error: unknown) => void,
  ) {}

  /** Runs `task` once everything queued before for `key` has ended. */
  enqueue(key: K, task: () => Promise<void> | void): void {
    const tail = (this.#tails.get(key) ?? Promise.resolve()).then(task).catch((error: unknown) => {
      this.log.error({ err: error }, "a task failed that must not");
      this.defect(error);
    });
    this.#tails.set(key, tail);
    void tail.finally(() => {
      if (this.#tails.get(key) === tail) this.#tails.delete(key);
    });
  }

  /** Resolves once everything queued until now has ended. */
  async idle(): Promise<void> {
    await Promise.all(this.#tails.values());
  }
}
