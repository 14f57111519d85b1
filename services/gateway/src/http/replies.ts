import { hours, type Clock } from "@outrider/contracts/clock";
import type { Migration, Storage } from "@outrider/storage/storage";
import type { Wire } from "./answer.js";

export const REPLY_MIGRATION: Migration = {
  id: 1,
  name: "replies by idempotency key",
  sql: `
    CREATE TABLE gateway_reply (
      scope TEXT NOT NULL PRIMARY KEY,
      request TEXT NOT NULL,
      status INTEGER,
      headers TEXT,
      body TEXT,
      at_ms INTEGER NOT NULL
    );
    CREATE INDEX gateway_reply_at ON gateway_reply (at_ms);
  `,
};

/** How long a key is remembered. */
const KEPT = hours(24);
/** A request that has not ended by then was cut off by the end of the process. */
const SWEEP = hours(1);

interface ReplyRow {
  readonly request: string;
  readonly status: number | null;
  readonly headers: string | null;
  readonly body: string | null;
}

/** Answers by idempotency key, kept for a day and across restarts. */
export class Replies {
  /** Those that this process is working on now. */
  readonly #busy = new Map<string, string>();
  #stop: (() => void) | undefined;

  constructor(
    private readonly storage: Storage,
    private readonly clock: Clock,
  ) {}

  start(defect: (error: unknown) => void): void {
    this.#stop = this.clock.every(SWEEP, () => void this.#sweep().catch(defect));
  }

  stop(): void {
    this.#stop?.();
  }

  /**
   * Claims a key for a request.
   * @returns the answer that it had; `other` when it was used for another request; `busy` while it is under way;
   *   undefined when the caller is to do it and to call {@link end} or {@link drop}
   */
  async begin(scope: string, request: string): Promise<Wire | "other" | "busy" | undefined> {
    const busy = this.#busy.get(scope);
    if (busy !== undefined) return busy === request ? "busy" : "other";
    this.#busy.set(scope, request);
    let claimed = false;
    try {
      const row = await this.storage.get<ReplyRow>(
        "SELECT request, status, headers, body FROM gateway_reply WHERE scope = ?",
        [scope],
      );
      if (row && row.request !== request) return "other";
      if (row?.status != null) {
        return {
          status: row.status,
          headers: JSON.parse(row.headers ?? "{}") as Record<string, string>,
          ...(row.body === null ? {} : { body: row.body }),
        };
      }
      await this.storage.write([
        {
          sql: `INSERT INTO gateway_reply (scope, request, at_ms) VALUES (?, ?, ?)
                ON CONFLICT (scope) DO UPDATE SET at_ms = excluded.at_ms`,
          params: [scope, request, this.clock.now().getTime()],
        },
      ]);
      claimed = true;
      return undefined;
    } finally {
      if (!claimed) this.#busy.delete(scope);
    }
  }

  async end(scope: string, { status, headers, body }: Wire): Promise<void> {
    try {
      await this.storage.write([
        {
          sql: "UPDATE gateway_reply SET status = ?, headers = ?, body = ? WHERE scope = ?",
          params: [status, JSON.stringify(headers), body ?? null, scope],
        },
      ]);
    } finally {
      this.#busy.delete(scope);
    }
  }

  /** Forgets what did not work. */
  async drop(scope: string): Promise<void> {
    try {
      await this.storage.write([
        { sql: "DELETE FROM gateway_reply WHERE scope = ?", params: [scope] },
      ]);
    } finally {
      this.#busy.delete(scope);
    }
  }

  async #sweep(): Promise<void> {
    const before = this.clock.now().getTime() - KEPT;
    await this.storage.write([
      { sql: "DELETE FROM gateway_reply WHERE at_ms < ?", params: [before] },
    ]);
  }
}
