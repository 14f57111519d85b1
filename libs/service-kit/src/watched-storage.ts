import { isStorageError, type StorageErrorCode } from "@outrider/storage/storage-error";
import type {
  Restored,
  Statement,
  StatementResult,
  Storage,
  StorageStats,
} from "@outrider/storage/storage";
import type { Row, SqlInput } from "@outrider/storage/values";

/** The store is to blame, not what was asked of it. */
const FAILURES: ReadonlySet<StorageErrorCode> = new Set([
  "full",
  "io",
  "corrupt",
  "busy",
  "unreachable",
]);

/** So many in a row are no accident. */
const FAILING_AFTER = 3;

/** A storage that remembers whether it works. */
export class WatchedStorage implements Storage {
  #failures = 0;
  #lastError: string | undefined;

  constructor(
    /** Of its first migration set. */
    readonly namespace: string,
    private readonly storage: Storage,
    private readonly changed: () => void,
    /**
     * Told, before the caller is, of what nobody in this process can go on after: another instance is active (`held`),
     * or what stands in the store is not known (`unknown`), which the next start reads.
     */
    private readonly fatal: (error: unknown) => void,
  ) {}

  /** Whether the last calls failed one after another, through the fault of the store. */
  get failing(): boolean {
    return this.#failures >= FAILING_AFTER;
  }

  get lastError(): string | undefined {
    return this.#lastError;
  }

  write(statements: readonly Statement[], signal?: AbortSignal): Promise<StatementResult[]> {
    return this.#watch(this.storage.write(statements, signal));
  }

  all<T extends object = Row>(sql: string, params?: readonly SqlInput[]): Promise<T[]> {
    return this.#failed(this.storage.all<T>(sql, params));
  }

  get<T extends object = Row>(sql: string, params?: readonly SqlInput[]): Promise<T | undefined> {
    return this.#failed(this.storage.get<T>(sql, params));
  }

  restored(namespace?: string): Promise<Restored | undefined> {
    return this.storage.restored(namespace);
  }

  close(): Promise<void> {
    return this.storage.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  stats(): StorageStats {
    return this.storage.stats();
  }

  async #watch<T>(call: Promise<T>): Promise<T> {
    const result = await this.#failed(call);
    const failing = this.failing;
    this.#failures = 0;
    if (failing) this.changed();
    return result;
  }

  /** A read that succeeds proves nothing: a full disk can be read. */
  async #failed<T>(call: Promise<T>): Promise<T> {
    try {
      return await call;
    } catch (error) {
      if (isStorageError(error, "held", "unknown")) this.fatal(error);
      if (isStorageError(error) && FAILURES.has(error.code)) {
        this.#failures += 1;
        this.#lastError = `${error.code}: ${error.message}`;
        if (this.#failures === FAILING_AFTER) this.changed();
      }
      throw error;
    }
  }
}
