import type { CommandId, NodeId } from "@outrider/contracts/ids";
import type { PowerResult } from "@outrider/contracts/power";
import type { Storage } from "@outrider/storage/storage";
import type { Migration, Restored, Statement } from "@outrider/storage/storage";
import { StorageError } from "@outrider/storage/storage-error";
import { MEMORY_MIGRATION } from "./memory.js";
import type { Outcome, Run } from "./run-state.js";
import { TRANSITION_MIGRATION } from "./transitions/transition-store.js";

export const MIGRATIONS: readonly Migration[] = [
  {
    id: 1,
    name: "runs",
    sql: `
      CREATE TABLE power_run (
        number     INTEGER PRIMARY KEY AUTOINCREMENT,
        key        TEXT NOT NULL UNIQUE,
        node       TEXT NOT NULL,
        id         TEXT NOT NULL,
        actor      TEXT NOT NULL,
        action     TEXT NOT NULL,
        open       INTEGER NOT NULL,
        announced  INTEGER NOT NULL DEFAULT 0,
        started_at TEXT NOT NULL,
        ended_at   TEXT,
        document   TEXT NOT NULL
      );
      CREATE UNIQUE INDEX power_run_once ON power_run (node, actor, id);
      CREATE INDEX power_run_node ON power_run (node, number);
      CREATE INDEX power_run_open ON power_run (open) WHERE open = 1;
      CREATE INDEX power_run_unannounced ON power_run (announced) WHERE announced = 0;
      CREATE INDEX power_run_started ON power_run (started_at);
      CREATE TABLE power_answer (
        number      INTEGER PRIMARY KEY AUTOINCREMENT,
        node        TEXT NOT NULL,
        id          TEXT NOT NULL,
        actor       TEXT NOT NULL,
        answered_at TEXT NOT NULL,
        document    TEXT NOT NULL
      );
      CREATE UNIQUE INDEX power_answer_once ON power_answer (node, actor, id);
    `,
  },
  MEMORY_MIGRATION,
  { id: 3, ...TRANSITION_MIGRATION },
];

interface Row {
  readonly document: string;
}

/** What stands under an id: a command that was accepted, or the answer to one that was not. */
export type Recorded = { readonly run: Run } | { readonly answer: PowerResult };

/** Whatever the clock says, so many of the newest are never forgotten. */
const ALWAYS_KEPT = 10_000;

/** The record of every accepted command and of each rung before it is climbed. */
export class Journal {
  constructor(
    private readonly storage: Storage,
    /** Records that go into the same transaction: both or neither. */
    private readonly beside?: {
      accepted(run: Run): Statement[];
      ended(run: Run): Statement[];
    },
  ) {}

  /**
   * Records a run that is new. Durable when resolved.
   * @returns what already stands under this id for this actor and node, if anything; then nothing was written
   */
  async begin(run: Run): Promise<Recorded | undefined> {
    const { key, node, id, actor, action, startedAt } = run;
    const open = run.phase.kind === "done" ? 0 : 1;
    const insert: Statement = {
      sql: `INSERT INTO power_run (key, node, id, actor, action, open, started_at, document)
            SELECT ?, ?, ?, ?, ?, ?, ?, ?
            WHERE NOT EXISTS (SELECT 1 FROM power_answer WHERE node = ? AND actor = ? AND id = ?)
            ON CONFLICT (node, actor, id) DO NOTHING`,
      params: [key, node, id, actor, action, open, startedAt, JSON.stringify(run), node, actor, id],
      expectChanges: 1,
    };
    try {
      await this.storage.write([insert, ...(this.beside?.accepted(run) ?? [])]);
      return undefined;
    } catch (error) {
      // Something stands under this id: nothing was written, and nothing will be done.
      if (!(error instanceof StorageError) || error.code !== "precondition") throw error;
      const recorded = await this.find(node, actor, id);
      if (recorded) return recorded;
      throw error;
    }
  }

  /** Records the answer to a request that was not accepted, so that its repetition is answered alike. */
  async answered(node: NodeId, answer: PowerResult): Promise<void> {
    const { id, actor, startedAt } = answer;
    await this.storage.write([
      {
        sql: `INSERT INTO power_answer (node, id, actor, answered_at, document) VALUES (?, ?, ?, ?, ?)
              ON CONFLICT (node, actor, id) DO NOTHING`,
        params: [node, id, actor, startedAt, JSON.stringify(answer)],
      },
    ]);
  }

  /** Records what a run has become. Durable when resolved. */
  async save(run: Run): Promise<void> {
    await this.storage.write(this.#saving(run));
  }

  #saving(run: Run): Statement[] {
    const { phase } = run;
    const update: Statement = {
      sql: "UPDATE power_run SET open = ?, ended_at = ?, document = ? WHERE key = ?",
      params: [
        phase.kind === "done" ? 0 : 1,
        phase.kind === "done" ? phase.outcome.endedAt : null,
        JSON.stringify(run),
        run.key,
      ],
      expectChanges: 1,
    };
    return [update, ...(phase.kind === "done" ? (this.beside?.ended(run) ?? []) : [])];
  }

  /** Whether this journal was put back from a backup, and what became of its commands since is not known. */
  restored(): Promise<Restored | undefined> {
    return this.storage.restored("power");
  }

  /**
   * Records how the runs that a backup held open have ended, and that the restore is settled. What transitions had
   * still to do is ended in the same transaction: it was ordered for a world that has gone on.
   */
  async settle({ settled }: Restored, ended: readonly Run[], outcome: Outcome): Promise<void> {
    const { reasonCode = null, detail = null, endedAt } = outcome;
    await this.storage.write([
      ...ended.flatMap((run) => this.#saving(run)),
      {
        sql: `UPDATE power_task SET state = ?, reason_code = ?, detail = ?, ended_at = ?
              WHERE state IN ('Waiting', 'Draining', 'Running')
              AND transition IN (SELECT id FROM power_transition WHERE open = 1)`,
        params: [outcome.status, reasonCode, detail, endedAt],
      },
      {
        sql: `UPDATE power_transition SET state = 'Aborting', aborted_by = 'service:power'
              WHERE open = 1 AND state = 'InProgress'`,
      },
      settled,
    ]);
  }

  /** Records that the terminal result was taken by the broker. */
  async announced(key: string): Promise<void> {
    await this.storage.write([
      { sql: "UPDATE power_run SET announced = 1 WHERE key = ?", params: [key] },
    ]);
  }

  async find(node: NodeId, actor: string, id: CommandId): Promise<Recorded | undefined> {
    const row = await this.storage.get<Row & { readonly accepted: number }>(
      `SELECT document, 1 AS accepted FROM power_run WHERE node = ? AND actor = ? AND id = ?
       UNION ALL
       SELECT document, 0 AS accepted FROM power_answer WHERE node = ? AND actor = ? AND id = ?`,
      [node, actor, id, node, actor, id],
    );
    if (!row) return undefined;
    return row.accepted === 1
      ? { run: readRun(row) }
      : { answer: JSON.parse(row.document) as PowerResult };
  }

  /** Runs that have not ended, oldest first. */
  async open(): Promise<Run[]> {
    return (
      await this.storage.all<Row>("SELECT document FROM power_run WHERE open = 1 ORDER BY number")
    ).map(readRun);
  }

  /** Runs that ended and whose result may not have been seen, oldest first. */
  async unannounced(): Promise<Run[]> {
    const rows = await this.storage.all<Row>(
      "SELECT document FROM power_run WHERE announced = 0 AND open = 0 ORDER BY number",
    );
    return rows.map(readRun);
  }

  /** The newest run of each node. */
  async last(): Promise<Run[]> {
    const rows = await this.storage.all<Row>(
      "SELECT document FROM power_run WHERE number IN (SELECT max(number) FROM power_run GROUP BY node)",
    );
    return rows.map(readRun);
  }

  /**
   * Forgets what ended more than `spanMs` ago. Counted from the newest record or now, whichever is earlier: a clock
   * that was wrong when they were made, or is wrong now, makes nothing old.
   */
  async prune(now: Date, spanMs: number): Promise<void> {
    const newest = await this.storage.get<{ at: string | null }>(
      "SELECT max(started_at) AS at FROM power_run",
    );
    const fromMs = Math.min(now.getTime(), newest?.at ? Date.parse(newest.at) : now.getTime());
    const before = new Date(fromMs - spanMs).toISOString();
    await this.storage.write([
      {
        sql: `DELETE FROM power_run WHERE open = 0 AND announced = 1 AND started_at < ?
              AND number <= (SELECT max(number) FROM power_run) - ?`,
        params: [before, ALWAYS_KEPT],
      },
      {
        sql: `DELETE FROM power_answer WHERE answered_at < ?
              AND number <= (SELECT max(number) FROM power_answer) - ?`,
        params: [before, ALWAYS_KEPT],
      },
    ]);
  }
}

function readRun(row: Row): Run {
  return JSON.parse(row.document) as Run;
}
