import { timestamp } from "@outrider/contracts/clock";
import { IdentityError } from "./identity-error.js";
import type { StoreCore } from "./identity-store.js";
import { digestOf, randomId, randomSecret } from "./secrets.js";
import type { PersonEntry } from "./snapshot.js";

export interface BrowserSession {
  /** Of the session, not its secret. */
  readonly id: string;
  readonly createdAt: string;
  readonly lastUsedAt: string;
  readonly expiresAt: string;
  readonly address: string;
}

/** Who is behind a session. */
export interface SignedIn extends Omit<PersonEntry, "hash"> {
  readonly session: BrowserSession;
}

interface SessionRow {
  id: string;
  person: string;
  address: string;
  created_at: string;
  last_used_at: string;
  expires_at: string;
}

export const SESSION_IDLE_MS = 12 * 3_600_000;
export const SESSION_LONGEST_MS = 7 * 24 * 3_600_000;
const USED_EVERY_MS = 60_000;
const MAX_PER_PERSON = 100;
const SECRET = /^[A-Za-z0-9_-]{43}$/;

/** Browsers that are signed in: until they are idle for twelve hours, for a week at most. */
export class Sessions {
  constructor(private readonly store: StoreCore) {}

  /** For somebody who has just shown the password. @returns the secret for the cookie, shown this once */
  async begin(person: string, address: string): Promise<{ secret: string; expiresAt: string }> {
    const secret = randomSecret();
    const now = timestamp(this.store.clock);
    const expiresAt = this.#in(SESSION_LONGEST_MS);
    await this.store.storage.write([
      {
        sql: "DELETE FROM identity_session WHERE expires_at <= ? OR last_used_at <= ?",
        params: [now, this.#in(-SESSION_IDLE_MS)],
      },
      {
        sql: `DELETE FROM identity_session WHERE person = ? AND id NOT IN (
          SELECT id FROM identity_session WHERE person = ? ORDER BY last_used_at DESC LIMIT ${MAX_PER_PERSON - 1})`,
        params: [person, person],
      },
      {
        sql: `INSERT INTO identity_session (id, hash, person, address, created_at, last_used_at, expires_at)
          VALUES (?, ?, ?, ?, ?, ?, ?)`,
        params: [randomId(), digestOf(secret), person, address.slice(0, 64), now, now, expiresAt],
      },
    ]);
    return { secret, expiresAt };
  }

  /** Who is signed in with a secret; undefined when nobody is, or is no more. */
  async find(secret: string): Promise<SignedIn | undefined> {
    if (!SECRET.test(secret)) return undefined;
    const row = await this.store.storage.get<SessionRow>(
      "SELECT * FROM identity_session WHERE hash = ?",
      [digestOf(secret)],
    );
    if (!row || !this.#isGood(row)) return undefined;
    const entry = (await this.store.snapshot()).people.get(row.person);
    if (!entry || entry.person.disabled) return undefined;
    await this.#noteUse(row);
    return { person: entry.person, subject: entry.subject, session: sessionOf(row) };
  }

  async list(person: string): Promise<BrowserSession[]> {
    const rows = await this.store.storage.all<SessionRow>(
      "SELECT * FROM identity_session WHERE person = ? ORDER BY last_used_at DESC",
      [person],
    );
    return rows.filter((row) => this.#isGood(row)).map(sessionOf);
  }

  /** @throws IdentityError `not-found` */
  async revoke(person: string, id: string): Promise<void> {
    const [result] = await this.store.storage.write([
      { sql: "DELETE FROM identity_session WHERE person = ? AND id = ?", params: [person, id] },
    ]);
    if (result?.changes !== 1) throw new IdentityError("not-found", "there is no such session");
  }

  /** Signs out. A secret that is none, or none any more, is no error. */
  async end(secret: string): Promise<void> {
    await this.store.storage.write([
      { sql: "DELETE FROM identity_session WHERE hash = ?", params: [digestOf(secret)] },
    ]);
  }

  #isGood(row: SessionRow): boolean {
    return (
      row.expires_at > timestamp(this.store.clock) && row.last_used_at > this.#in(-SESSION_IDLE_MS)
    );
  }

  /** A disk that is full signs nobody out at once. */
  async #noteUse(row: SessionRow): Promise<void> {
    if (row.last_used_at > this.#in(-USED_EVERY_MS)) return;
    await this.store.storage
      .write([
        {
          sql: "UPDATE identity_session SET last_used_at = ? WHERE id = ?",
          params: [timestamp(this.store.clock), row.id],
        },
      ])
      .catch(() => {});
  }

  #in(spanMs: number): string {
    return new Date(this.store.clock.now().getTime() + spanMs).toISOString();
  }
}

function sessionOf(row: SessionRow): BrowserSession {
  return {
    id: row.id,
    createdAt: row.created_at,
    lastUsedAt: row.last_used_at,
    expiresAt: row.expires_at,
    address: row.address,
  };
}
