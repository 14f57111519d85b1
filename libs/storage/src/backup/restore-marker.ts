import { existsSync } from "node:fs";
import { join } from "node:path";
import { StorageError } from "../storage-error.js";

/** Stands in a data directory while a restore puts files in place. */
export const RESTORE_MARKER = "restore-under-way.json";

/** @throws StorageError `migration` when a restore of this data directory was interrupted */
export function refuseHalfRestored(dataDirectory: string): void {
  const marker = join(dataDirectory, RESTORE_MARKER);
  if (!existsSync(marker)) return;
  throw new StorageError(
    "migration",
    `${marker} says that a restore was interrupted half-way, so nothing may use what is there: run the restore again, with --replace`,
  );
}
