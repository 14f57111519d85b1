import { StorageError } from "./storage-error.js";
import type { StatementResult, StorageStats } from "./storage.js";
import type { BoundTransaction, Failure, GroupResult } from "./transaction.js";

/** Beyond this a longer group saves next to nothing and everybody in it waits for the last. */
const GROUP_LIMIT = 256;

interface PendingWrite {
  readonly transaction: BoundTransaction;
  resolve(results: StatementResult[]): void;
  reject(error: unknown): void;
  /** Stops listening to the caller's signal. */
  detach(): void;
}

/**
 * Transactions on their way to a database, one group at a time: what is called while a group is under way waits here
 * and makes the next one.
 */
export class WriteQueue {
  readonly #commit: (group: readonly BoundTransaction[]) => Promise<GroupResult>;
  readonly #queue: PendingWrite[] = [];
  #underWay = 0;
  #flushPlanned = false;
  #idle: (() => void) | undefined;
  readonly #counts = { commits: 0, transactions: 0, failed: 0, largestGroup: 0 };

  /** @param commit applies a group in order under one commit; what it rejects with goes to everybody in the group */
  constructor(commit: (group: readonly BoundTransaction[]) => Promise<GroupResult>) {
    this.#commit = commit;
  }

  /** As `Storage.write`. */
  write(transaction: BoundTransaction, signal?: AbortSignal): Promise<StatementResult[]> {
    return new Promise((resolve, reject) => {
      signal?.throwIfAborted();
      if (transaction.length === 0) return resolve([]);
      const pending: PendingWrite = {
        transaction,
        resolve,
        reject,
        detach: () => signal?.removeEventListener("abort", abort),
      };
      const abort = (): void => {
        const place = this.#queue.indexOf(pending);
        if (place < 0) return;
        this.#queue.splice(place, 1);
        reject(signal?.reason);
        this.#settleIdle();
      };
      signal?.addEventListener("abort", abort, { once: true });
      this.#queue.push(pending);
      this.#planFlush();
    });
  }

  /** Resolves when nothing waits and nothing is under way. Asked for once, when no more is added. */
  async idle(): Promise<void> {
    if (this.#underWay > 0 || this.#queue.length > 0)
      await new Promise<void>((resolve) => (this.#idle = resolve));
  }

  stats(): StorageStats {
    return { ...this.#counts, pending: this.#queue.length + this.#underWay };
  }

  /** Everything called in the same turn of the event loop goes into one group; microtasks cost no time. */
  #planFlush(): void {
    if (this.#flushPlanned || this.#underWay > 0) return;
    this.#flushPlanned = true;
    queueMicrotask(() => {
      this.#flushPlanned = false;
      this.#flush();
    });
  }

  #flush(): void {
    if (this.#queue.length === 0) return;
    const group = this.#queue.splice(0, GROUP_LIMIT);
    this.#underWay = group.length;
    for (const pending of group) pending.detach();
    void this.#run(group);
  }

  async #run(group: readonly PendingWrite[]): Promise<void> {
    const result = await this.#commit(group.map(({ transaction }) => transaction)).catch(
      (error: unknown) => ({ error }),
    );
    // The next group starts before anybody is told of this one: the disk should not wait for the callers.
    this.#underWay = 0;
    this.#flush();
    if ("error" in result) {
      this.#counts.failed += group.length;
      for (const pending of group) pending.reject(result.error);
    } else {
      this.#settle(group, result);
    }
    this.#settleIdle();
  }

  #settle(group: readonly PendingWrite[], result: GroupResult): void {
    let applied = 0;
    for (const [index, pending] of group.entries()) {
      const outcome = result.outcomes[index];
      if (outcome === undefined) {
        pending.reject(new StorageError("programming", "the database lost an outcome"));
      } else if ("failure" in outcome) {
        this.#counts.failed += 1;
        pending.reject(errorOf(outcome.failure));
      } else {
        applied += 1;
        pending.resolve(outcome.results);
      }
    }
    this.#counts.commits += result.commits;
    this.#counts.transactions += applied;
    if (result.commits === 1)
      this.#counts.largestGroup = Math.max(this.#counts.largestGroup, applied);
  }

  #settleIdle(): void {
    if (this.#underWay === 0 && this.#queue.length === 0) this.#idle?.();
  }
}

/** A failure told by a database, as an error of this side. */
export function errorOf(failure: Failure): StorageError {
  return new StorageError(failure.code, failure.message, {
    statement: failure.statement,
    cause: failure.cause,
  });
}
