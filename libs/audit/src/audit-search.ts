import type { AuditPage, AuditRecord, AuditSearch } from "@outrider/contracts/audit";
import type { SqlInput } from "@outrider/storage/values";
import { COLUMNS, recordOf, type AuditRow } from "./audit-entry.js";

const DEFAULT_LIMIT = 50;
const MAX_LIMIT = 100;
/** A reply of the service plane is at most 64 KiB. */
const MAX_PAGE_CHARACTERS = 48 * 1024;

/** One row more than asked for tells whether there are more. */
export function searchStatement(
  table: string,
  search: AuditSearch,
): { readonly sql: string; readonly params: SqlInput[] } {
  const conditions: [string, SqlInput | undefined][] = [
    ["actor = ?", search.actor],
    ["act = ?", search.act],
    ["subject = ?", search.subject],
    ["at >= ?", search.since],
    ["at <= ?", search.until],
    ["seq < ?", search.before],
  ];
  const asked = conditions.filter((one): one is [string, SqlInput] => one[1] !== undefined);
  const where = asked.map(([condition]) => condition).join(" AND ");
  return {
    sql: `SELECT ${COLUMNS} FROM ${table} ${where && `WHERE ${where}`} ORDER BY seq DESC LIMIT ${limitOf(search) + 1}`,
    params: asked.map(([, value]) => value),
  };
}

/** As much of the rows as fits one page. Pure. */
export function pageOf(rows: readonly AuditRow[], search: AuditSearch): AuditPage {
  const records: AuditRecord[] = [];
  let characters = 0;
  for (const row of rows.slice(0, limitOf(search))) {
    const record = recordOf(row);
    characters += Buffer.byteLength(JSON.stringify(record));
    if (characters > MAX_PAGE_CHARACTERS && records.length > 0) break;
    records.push(record);
  }
  const last = records.at(-1);
  return { records, ...(last && records.length < rows.length && { next: last.seq }) };
}

const limitOf = ({ limit = DEFAULT_LIMIT }: AuditSearch): number =>
  Math.max(1, Math.min(limit, MAX_LIMIT));
