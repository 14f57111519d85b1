import type { Log } from "@outrider/messaging/log";
import { isStorageError } from "@outrider/storage/storage-error";
import type { Journal } from "./journal.js";

/**
 * Forgets in the journal what is old, each time it is called.
 * @returns rejects with the StorageError when the disk has failed twice in a row: better to start anew than to go on
 * without a journal
 */
export function tidies(journal: Journal, log: Log): () => Promise<void> {
  let failed = false;
  return async () => {
    try {
      await journal.prune();
      failed = false;
    } catch (error) {
      if (!isStorageError(error)) throw error;
      log.error({ err: error }, "the journal could not be tidied");
      if (!isStorageError(error, "io", "corrupt")) return;
      if (failed) throw error;
      failed = true;
    }
  };
}
