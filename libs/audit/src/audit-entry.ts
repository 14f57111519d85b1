import { createHash } from "node:crypto";
import type { AuditRecord } from "@outrider/contracts/audit";
import { ACTOR_PATTERN } from "@outrider/contracts/ids";
import type { Via } from "@outrider/contracts/power";
import { StorageError } from "@outrider/storage/storage-error";

/** What an owner tells its log; the log adds position, time and its own name. */
export interface AuditEntry {
  /** `<kind>:<name>`, e.g. `person:alice`. */
  readonly actor: string;
  readonly via: Via;
  /** What is done, e.g. `power.actuate`. */
  readonly act: string;
  /** Whom or what it is done to. What is longer than 200 characters is cut. */
  readonly subject: string;
  /** Default `intent`. */
  readonly stage?: AuditRecord["stage"] | undefined;
  /** In the actor's words. What is longer than 500 characters is cut. */
  readonly reason?: string | undefined;
  /** JSON, never a secret. Beyond {@link MAX_DATA_CHARACTERS} only its size and its SHA-256 are kept. */
  readonly data?: Readonly<Record<string, unknown>> | undefined;
}

/** A record as its table holds it. */
export interface AuditRow {
  readonly seq: number;
  readonly at: string;
  readonly log: string;
  readonly actor: string;
  readonly via: string;
  readonly act: string;
  readonly subject: string;
  readonly stage: string;
  readonly reason: string | null;
  readonly data: string | null;
  readonly hash: string | null;
}

export const MAX_DATA_CHARACTERS = 4096;
export const COLUMNS = "seq, at, log, actor, via, act, subject, stage, reason, data, hash";

const ACT = /^[a-z][a-z0-9]*([.-][a-z0-9]+)*$/;
/** Characters that make a line of a log lie. */
const UNSEEMLY = /[\u0000-\u001f\u007f-\u009f\u2028\u2029]/gu;

/**
 * The columns of an entry but `seq` and `hash`.
 * @throws StorageError `programming` when actor or act are no such words, or data is no JSON
 */
export function columnsOf(
  log: string,
  at: string,
  entry: AuditEntry,
): Omit<AuditRow, "seq" | "hash"> {
  if (!ACTOR_PATTERN.test(entry.actor))
    throw new StorageError("programming", "an audit actor is <kind>:<name>");
  if (entry.act.length > 100 || !ACT.test(entry.act))
    throw new StorageError("programming", "an audit act is lower-case words with dots or hyphens");
  return {
    at,
    log,
    actor: entry.actor,
    via: entry.via,
    act: entry.act,
    subject: seemly(entry.subject, 200),
    stage: entry.stage ?? "intent",
    reason: entry.reason === undefined ? null : seemly(entry.reason, 500),
    data: entry.data === undefined ? null : boundedData(entry.data),
  };
}

export function recordOf(row: AuditRow): AuditRecord {
  return {
    seq: row.seq,
    at: row.at,
    log: row.log,
    actor: row.actor,
    via: row.via as Via,
    act: row.act,
    subject: row.subject,
    stage: row.stage as AuditRecord["stage"],
    ...(row.reason !== null && { reason: row.reason }),
    ...(row.data !== null && { data: dataOf(row.data) }),
    ...(row.hash !== null && { hash: row.hash }),
  };
}

/** JSON with the properties of every object in the order of their names, and nothing between. */
export function canonicalJson(value: unknown): string {
  return JSON.stringify(value, (_, one: unknown) =>
    typeof one === "object" && one !== null && !Array.isArray(one)
      ? Object.fromEntries(Object.entries(one).toSorted(([a], [b]) => (a < b ? -1 : 1)))
      : one,
  );
}

function boundedData(data: Readonly<Record<string, unknown>>): string {
  let text: string;
  try {
    text = canonicalJson(data);
  } catch (cause) {
    throw new StorageError("programming", "the data of an audit record is no JSON", { cause });
  }
  // PostgreSQL keeps no lone surrogates, and neither database a NUL that is escaped back.
  text = text.toWellFormed();
  if (text.length <= MAX_DATA_CHARACTERS) return text;
  const sha256 = createHash("sha256").update(text).digest("hex");
  return canonicalJson({ omittedCharacters: text.length, sha256 });
}

/** What a damaged table holds may be anything; a search still shows the record. */
function dataOf(text: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === "object" && value !== null) return value as Record<string, unknown>;
  } catch {
    // Said below.
  }
  return { unreadable: text.slice(0, 200) };
}

function seemly(text: string, longest: number): string {
  const clean = text.toWellFormed().replace(UNSEEMLY, "\ufffd");
  if (clean.length <= longest) return clean;
  return `${clean.slice(0, longest - 1).toWellFormed()}…`;
}
