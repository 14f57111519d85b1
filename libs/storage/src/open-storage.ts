import { PostgresStorage } from "./postgres/postgres-storage.js";
import { SqliteStorage } from "./sqlite/sqlite-storage.js";
import type { Storage, StorageOptions } from "./storage.js";

/**
 * Opens the store, makes or checks its tables, and resolves when it can be used.
 *
 * An open storage keeps the process alive until it is closed.
 *
 * @throws StorageError `migration`, `corrupt`, `busy`, `full`, `io`, `unreachable`; nothing has been changed then.
 */
export function openStorage(options: StorageOptions): Promise<Storage> {
  return "url" in options ? PostgresStorage.open(options) : SqliteStorage.open(options);
}
