/**
 * Why a storage call failed, and what the caller should do.
 *
 * | code | nothing was applied, and … |
 * |---|---|
 * | `full` | the disk (or the size limit) is full: free space; the same call may be repeated |
 * | `io` | the disk or the file failed: alarm; look before repeating, after a crash the transaction may turn up |
 * | `corrupt` | the file is damaged: stop, keep the file, restore or recover it as the message says |
 * | `busy` | another process held the database for longer than the busy timeout: repeat, then look for that process |
 * | `unreachable` | the database server does not answer: look after it; the same call may be repeated |
 * | `unknown` | the server was lost in the middle of the commit and could not be asked: **it may have been applied**; what is in memory may be wrong, so start anew from the store (services end) |
 * | `precondition` | a statement did not change `expectChanges` rows: read again and decide anew, never just repeat |
 * | `migration` | code and database do not belong together: run the release that the message names, or mend the list |
 * | `constraint` | a unique, foreign-key, check or not-null rule refused it: the value is wrong or there already |
 * | `closed` | the storage is closed or closing: the process is stopping, drop the call |
 * | `held` | another process is the active instance: stand by or exit |
 * | `programming` | SQL, parameters or use are wrong: a defect of ours, let the process end |
 */
export const STORAGE_ERROR_CODES = [
  "full",
  "io",
  "corrupt",
  "busy",
  "unreachable",
  "unknown",
  "precondition",
  "migration",
  "constraint",
  "closed",
  "held",
  "programming",
] as const;
export type StorageErrorCode = (typeof STORAGE_ERROR_CODES)[number];

export interface StorageErrorOptions {
  /** Index of the statement, within its transaction, that failed. */
  readonly statement?: number | undefined;
  readonly cause?: unknown;
}

/** The one error that storage rejects with, besides the reason of an aborted signal. */
export class StorageError extends Error {
  override readonly name = "StorageError";
  readonly code: StorageErrorCode;
  /** Index of the statement, within its transaction, that failed; undefined when the whole call did. */
  readonly statement: number | undefined;

  constructor(code: StorageErrorCode, message: string, options: StorageErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.statement = options.statement;
  }
}

/** Whether `error` is a {@link StorageError}, of one of `codes` when any are given. */
export function isStorageError(
  error: unknown,
  ...codes: readonly StorageErrorCode[]
): error is StorageError {
  return error instanceof StorageError && (codes.length === 0 || codes.includes(error.code));
}
