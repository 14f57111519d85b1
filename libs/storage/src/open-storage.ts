import { SqliteStorage } from "./sqlite/sqlite-storage.js";
import type { Storage, StorageOptions } from "./storage.js";

/**
 * Opens the store, makes or checks its tables, and resolves when it can be used.
 *
 * An open storage keeps the process alive until it is closed.
 *
 * @throws StorageError `migration`, `corrupt`, `busy`, `full`, `io`, `unreachable`; nothing has been changed then.
 */
export async function openStorage(options: StorageOptions): Promise<Storage> {
  if (!("url" in options)) return SqliteStorage.open(options);
  // The client of a server takes memory that whoever has a file has no use for.
  const { PostgresStorage } = await import("./postgres/postgres-storage.js");
  return PostgresStorage.open(options);
}
