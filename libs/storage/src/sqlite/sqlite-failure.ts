import { StorageError, type StorageErrorCode } from "../storage-error.js";
import type { Failure } from "../transaction.js";

/** Primary result codes, https://www.sqlite.org/rescode.html. What is missing here is `programming`. */
const CODES: Readonly<Record<number, StorageErrorCode>> = {
  5: "busy", // BUSY
  6: "busy", // LOCKED
  7: "io", // NOMEM
  8: "io", // READONLY: the file system or the file's permissions
  10: "io", // IOERR
  11: "corrupt", // CORRUPT
  13: "full", // FULL
  14: "io", // CANTOPEN
  15: "busy", // PROTOCOL: a race for the WAL's locks
  19: "constraint", // CONSTRAINT
  26: "corrupt", // NOTADB
};
const IOERR_CORRUPTFS = 10 | (33 << 8);

/** What a statement, an opening or a commit threw, as a closed code with a message for whoever is called at night. */
export function failureOf(error: unknown, file: string): Failure {
  if (error instanceof StorageError) {
    return {
      code: error.code,
      message: error.message,
      statement: error.statement,
      cause: error.cause,
    };
  }
  const errcode = sqliteCode(error);
  const code = codeOf(errcode);
  const said = `${error instanceof Error ? error.message : String(error)}${errcode === undefined ? "" : ` (SQLite ${errcode})`}`;
  return { code, message: `${advice(code, file)}: ${said}`, cause: error };
}

function sqliteCode(error: unknown): number | undefined {
  const errcode = error instanceof Error && "errcode" in error ? error.errcode : undefined;
  return typeof errcode === "number" ? errcode : undefined;
}

function codeOf(errcode: number | undefined): StorageErrorCode {
  if (errcode === undefined) return "programming";
  if (errcode === IOERR_CORRUPTFS) return "corrupt";
  return CODES[errcode & 0xff] ?? "programming";
}

const ADVICE: Readonly<Partial<Record<StorageErrorCode, (file: string) => string>>> = {
  full: (file) => `no space left for ${file}; free some, then repeat`,
  io: (file) =>
    `cannot read or write ${file}; check the disk, the mount and the file's permissions`,
  corrupt: (file) =>
    `${file} is damaged or no database; stop the service, copy ${file} with its -wal and -shm files aside, ` +
    `then restore a backup, or save what can be read with: sqlite3 ${file} .recover`,
  busy: (file) => `${file} is held by another process (fuser ${file} names it)`,
  constraint: () => "refused by a rule of the table",
};

function advice(code: StorageErrorCode, file: string): string {
  return ADVICE[code]?.(file) ?? `a defect in the use of ${file}`;
}
