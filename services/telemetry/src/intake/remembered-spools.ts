import { seconds, type Clock } from "@outrider/contracts/clock";
import type { AgentId } from "@outrider/contracts/ids";
import type { Log } from "@outrider/messaging/log";
import type { Migration, Statement, Storage } from "@outrider/storage/storage";
import { isStorageError } from "@outrider/storage/storage-error";

export const SPOOL_MIGRATION: Migration = {
  id: 1,
  name: "how far agents' readings are stored",
  sql: `CREATE TABLE telemetry_spools (
    agent TEXT NOT NULL,
    spool TEXT NOT NULL,
    stored INTEGER NOT NULL,
    seen_ms INTEGER NOT NULL,
    PRIMARY KEY (agent, spool)
  );
  CREATE TABLE telemetry_clocks (
    agent TEXT PRIMARY KEY,
    offset_ms INTEGER NOT NULL
  );`,
};

export interface RememberedSpool {
  readonly agent: AgentId;
  readonly spool: string;
  readonly stored: number;
}

const WRITE_EVERY = seconds(1);
/** Spools that are remembered of an agent; it makes a new one only when it has lost the former. */
export const SPOOLS_OF_AGENT = 8;

/**
 * How far readings are stored and what clocks were off. Numbers are written a little later than they hold: what is sent
 * again meanwhile takes its own place in the store, and whoever was acknowledged says so by what it still keeps. An
 * offset is written before anything is stored by it, so that what is sent again has the same time.
 */
export class RememberedSpools {
  readonly #dirty = new Map<string, RememberedSpool>();
  readonly #stopWriting: () => void;
  #writing: Promise<void> = Promise.resolve();

  constructor(
    private readonly storage: Pick<Storage, "all" | "write">,
    private readonly clock: Clock,
    private readonly log: Log,
    private readonly defect: (error: unknown) => void,
  ) {
    this.#stopWriting = clock.every(WRITE_EVERY, () => void this.flush());
  }

  /** @throws StorageError */
  async load(): Promise<{
    readonly spools: readonly RememberedSpool[];
    readonly offsets: ReadonlyMap<AgentId, number>;
  }> {
    const spools = await this.storage.all<RememberedSpool>(
      "SELECT agent, spool, stored FROM telemetry_spools ORDER BY agent, seen_ms",
    );
    const clocks = await this.storage.all<{ agent: AgentId; offset_ms: number }>(
      "SELECT agent, offset_ms FROM telemetry_clocks",
    );
    const offsets = new Map(clocks.map(({ agent, offset_ms: ms }) => [agent, ms]));
    return { spools, offsets };
  }

  keep(spool: RememberedSpool): void {
    this.#dirty.set(`${spool.agent} ${spool.spool}`, spool);
  }

  forget(agent: AgentId, spool: string): void {
    this.#dirty.delete(`${agent} ${spool}`);
    void this.#write([
      { sql: "DELETE FROM telemetry_spools WHERE agent = ? AND spool = ?", params: [agent, spool] },
    ]);
  }

  /** @returns whether it is kept */
  keepOffset(agent: AgentId, offsetMs: number): Promise<boolean> {
    const sql = `INSERT INTO telemetry_clocks (agent, offset_ms) VALUES (?, ?)
      ON CONFLICT (agent) DO UPDATE SET offset_ms = excluded.offset_ms`;
    return this.#write([{ sql, params: [agent, offsetMs] }]);
  }

  async flush(): Promise<void> {
    if (this.#dirty.size === 0) return;
    const changed = [...this.#dirty];
    this.#dirty.clear();
    const sql = `INSERT INTO telemetry_spools (agent, spool, stored, seen_ms) VALUES (?, ?, ?, ?)
      ON CONFLICT (agent, spool) DO UPDATE SET stored = excluded.stored, seen_ms = excluded.seen_ms`;
    const seenMs = this.clock.now().getTime();
    const kept = await this.#write(
      changed.map(([, { agent, spool, stored }]) => ({
        sql,
        params: [agent, spool, stored, seenMs],
      })),
    );
    if (kept) return;
    for (const [key, spool] of changed) if (!this.#dirty.has(key)) this.#dirty.set(key, spool);
  }

  async stop(): Promise<void> {
    this.#stopWriting();
    await this.flush();
    await this.#writing;
  }

  #write(statements: readonly Statement[]): Promise<boolean> {
    const written = this.storage.write(statements).then(
      () => true,
      (error: unknown) => {
        if (isStorageError(error)) {
          this.log.warn({ code: error.code }, "how far readings are stored is not remembered yet");
        } else this.defect(error);
        return false;
      },
    );
    this.#writing = written.then(() => undefined);
    return written;
  }
}
