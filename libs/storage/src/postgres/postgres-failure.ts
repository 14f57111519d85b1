import { StorageError, type StorageErrorCode } from "../storage-error.js";
import type { Failure } from "../transaction.js";

/** SQLSTATEs, the most exact first; https://www.postgresql.org/docs/current/errcodes-appendix.html. What is missing here is `programming`. */
const CODES: readonly (readonly [start: string, code: StorageErrorCode])[] = [
  ["22021", "constraint"], // a character that its encoding does not have: U+0000
  ["22P05", "constraint"],
  ["23", "constraint"],
  ["40", "busy"],
  ["42501", "io"],
  ["53100", "full"],
  ["53300", "unreachable"],
  ["53", "io"],
  ["55P03", "busy"],
  ["57014", "busy"],
  ["58", "io"],
  ["08", "unreachable"],
  ["25P03", "unreachable"],
  ["28", "unreachable"],
  ["3D000", "unreachable"],
  ["57P", "unreachable"],
  ["XX001", "corrupt"],
  ["XX002", "corrupt"],
];

/** What a statement, an opening or a commit threw, as a closed code with a message for whoever is called at night. */
export function failureOf(error: unknown, where: string): Failure {
  if (error instanceof StorageError) {
    const { code, message, statement, cause } = error;
    return { code, message, statement, cause };
  }
  const state = sqlState(error);
  const code = codeOf(error, state);
  const said = `${wordsOf(error)}${state === undefined ? "" : ` (SQLSTATE ${state})`}`;
  return { code, message: `${advice(code, where)}: ${said}`, cause: error };
}

/** The SQLSTATE that the server said, if the error is its. */
export function sqlState(error: unknown): string | undefined {
  const code = error instanceof Error && "code" in error ? error.code : undefined;
  return typeof code === "string" && /^[0-9A-Z]{5}$/.test(code) && "severity" in (error as object)
    ? code
    : undefined;
}

function codeOf(error: unknown, state: string | undefined): StorageErrorCode {
  if (state !== undefined)
    return CODES.find(([start]) => state.startsWith(start))?.[1] ?? "programming";
  // Of the socket (ECONNREFUSED and its like) or of the client that has lost it.
  const lost =
    error instanceof Error &&
    ("syscall" in error || /connect|terminat|queryable|clos|timeout/i.test(error.message));
  return lost ? "unreachable" : "programming";
}

function wordsOf(error: unknown): string {
  if (error instanceof AggregateError) return error.errors.map(wordsOf).join("; ");
  if (!(error instanceof Error)) return String(error);
  const detail = "detail" in error && typeof error.detail === "string" ? ` (${error.detail})` : "";
  return error.message + detail;
}

const ADVICE: Readonly<Partial<Record<StorageErrorCode, (where: string) => string>>> = {
  full: (where) => `no space left at ${where}; free some there, then repeat`,
  io: (where) => `${where} cannot do it; look into its log, check its disk, memory and our rights`,
  corrupt: (where) => `${where} is damaged; stop it, keep its files, restore a backup`,
  busy: (where) => `${where} is held up by another transaction (pg_stat_activity names it)`,
  unreachable: (where) =>
    `${where} does not let us work; check that it runs, listens there, and knows user and database`,
  constraint: () => "refused by a rule of the table",
};

function advice(code: StorageErrorCode, where: string): string {
  return ADVICE[code]?.(where) ?? `a defect in the use of ${where}`;
}
