import { join } from "node:path";
import { openStorage } from "./open-storage.js";
import type { LeaseToken, MigrationSet, Storage } from "./storage.js";

/** Where the stores of a deployment are: what `readServiceConfig` gives. */
export interface StoragePlace {
  readonly dataDirectory: string;
  /** PostgreSQL; without it each owner has a SQLite file in the data directory. */
  readonly databaseUrl?: string | undefined;
}

/**
 * Opens the store of an owner of tables where this deployment keeps it: `<data>/<namespace>.sqlite`, named after the
 * first set, or the one database. Sets that are opened together can be written in one transaction.
 * @param lease with PostgreSQL, what every transaction depends on
 * @throws StorageError as `openStorage`
 */
export function storageFor(
  { dataDirectory, databaseUrl }: StoragePlace,
  migrations: MigrationSet | readonly [MigrationSet, ...MigrationSet[]],
  lease?: LeaseToken,
): Promise<Storage> {
  if (databaseUrl !== undefined) return openStorage({ url: databaseUrl, migrations, lease });
  const { namespace } = "namespace" in migrations ? migrations : migrations[0];
  return openStorage({ file: join(dataDirectory, `${namespace}.sqlite`), migrations });
}
