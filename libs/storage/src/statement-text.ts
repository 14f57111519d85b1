import { StorageError } from "./storage-error.js";

/** What storage must know of a statement before any database sees it. */
export interface StatementText {
  /** Whether it may change rows: the word INSERT, UPDATE or DELETE is in it. */
  readonly writes: boolean;
  /** How many `?` it has. */
  readonly placeholders: number;
}

const VERBS = ["SELECT", "INSERT", "UPDATE", "DELETE", "WITH"] as const;
const WRITING: ReadonlySet<string> = new Set(["INSERT", "UPDATE", "DELETE"]);

const known = new Map<string, StatementText>();
const KNOWN_LIMIT = 1000;

/** Text in quotes, comments, words, placeholders of any dialect, statement ends; what lies between does not matter here. */
export const TOKEN =
  /'(?:[^']|'')*'|"(?:[^"]|"")*"|--[^\n]*|\/\*[\s\S]*?(?:\*\/|$)|[A-Za-z_\u0080-\uffff][\w$\u0080-\uffff]*|\?\d*|[:@$]\w+|;|\S/g;

/**
 * Checks that `sql` is exactly one SELECT, INSERT, UPDATE, DELETE or WITH with `?` placeholders only.
 * BEGIN, COMMIT, PRAGMA and DDL are refused: they would tear the group of transactions that others share.
 * The databases themselves ignore what follows the first statement, and take missing parameters for NULL.
 * @throws StorageError `programming`.
 */
export function readStatement(sql: string): StatementText {
  const before = known.get(sql);
  if (before) return before;
  const text = scan(sql);
  if (known.size >= KNOWN_LIMIT) known.clear();
  known.set(sql, text);
  return text;
}

function scan(sql: string): StatementText {
  let begun = false;
  let writes = false;
  let placeholders = 0;
  let ended = false;
  for (const [token] of sql.matchAll(TOKEN)) {
    if (token.startsWith("--") || token.startsWith("/*")) continue;
    const word = token.toUpperCase();
    if (WRITING.has(word)) writes = true;
    if (ended && token !== ";") throw refused("more than one statement", sql);
    if (token === ";") {
      ended = true;
    } else if (!begun) {
      begun = VERBS.some((verb) => verb === word);
      if (!begun)
        throw refused(`only ${VERBS.join(", ")} may be run (tables are made by migrations)`, sql);
    } else if (token === "?") {
      placeholders += 1;
    } else if (/^(\?\d|[:@$]\w)/.test(token)) {
      throw refused(`the placeholder ${token}; only ? is portable`, sql);
    } else if (token === "'" || token === '"') {
      throw refused("a quote that is not closed", sql);
    }
  }
  if (!begun) throw refused("no statement", sql);
  return { writes, placeholders };
}

function refused(what: string, sql: string): StorageError {
  return new StorageError(
    "programming",
    `${what}, in: ${sql.length > 200 ? `${sql.slice(0, 200)}…` : sql}`,
  );
}
