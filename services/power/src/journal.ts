import type { CommandId, NodeId } from "@outrider/contracts/ids";
import type { Storage } from "@outrider/storage/storage";
import type { Migration } from "@outrider/storage/storage";
import type { Run } from "./run.js";

export const MIGRATIONS: readonly Migration[] = [
  {
    id: 1,
    name: "runs",
    sql: `
      CREATE TABLE power_run (
        key        TEXT PRIMARY KEY,
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
      CREATE INDEX power_run_open ON power_run (open) WHERE open = 1;
      CREATE INDEX power_run_unannounced ON power_run (announced) WHERE announced = 0;
      CREATE INDEX power_run_started ON power_run (started_at);
    `,
  },
];

interface Row {
  readonly document: string;
}

/** The record of every accepted command and of each rung before it is climbed. */
export class Journal {
  constructor(private readonly storage: Storage) {}

  /**
   * Records a run that is new. Durable when resolved.
   * @returns the run that already bears this id for this actor and node, if there is one; then nothing was written
   */
  async begin(run: Run): Promise<Run | undefined> {
    const [inserted] = await this.storage.write([
      {
        sql: `INSERT INTO power_run (key, node, id, actor, action, open, started_at, document)
              VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (node, actor, id) DO NOTHING`,
        params: [
          run.key,
          run.node,
          run.id,
          run.actor,
          run.action,
          run.phase.kind === "done" ? 0 : 1,
          run.startedAt,
          JSON.stringify(run),
        ],
      },
    ]);
    return inserted?.changes === 1 ? undefined : this.find(run.node, run.actor, run.id);
  }

  /** Records what a run has become. Durable when resolved. */
  async save(run: Run): Promise<void> {
    const { phase } = run;
    await this.storage.write([
      {
        sql: "UPDATE power_run SET open = ?, ended_at = ?, document = ? WHERE key = ?",
        params: [
          phase.kind === "done" ? 0 : 1,
          phase.kind === "done" ? phase.outcome.endedAt : null,
          JSON.stringify(run),
          run.key,
        ],
        expectChanges: 1,
      },
    ]);
  }

  /** Records that the terminal result was taken by the broker. */
  async announced(key: string): Promise<void> {
    await this.storage.write([
      { sql: "UPDATE power_run SET announced = 1 WHERE key = ?", params: [key] },
    ]);
  }

  async find(node: NodeId, actor: string, id: CommandId): Promise<Run | undefined> {
    const row = await this.storage.get<Row>(
      "SELECT document FROM power_run WHERE node = ? AND actor = ? AND id = ?",
      [node, actor, id],
    );
    return row && readRun(row);
  }

  /** Runs that have not ended, oldest first. */
  async open(): Promise<Run[]> {
    return (
      await this.storage.all<Row>("SELECT document FROM power_run WHERE open = 1 ORDER BY key")
    ).map(readRun);
  }

  /** Runs that ended and whose result may not have been seen, oldest first. */
  async unannounced(): Promise<Run[]> {
    const rows = await this.storage.all<Row>(
      "SELECT document FROM power_run WHERE announced = 0 AND open = 0 ORDER BY key",
    );
    return rows.map(readRun);
  }

  /** The newest run of each node. */
  async last(): Promise<Run[]> {
    const rows = await this.storage.all<Row>(
      "SELECT document FROM power_run WHERE key IN (SELECT max(key) FROM power_run GROUP BY node)",
    );
    return rows.map(readRun);
  }

  /** Forgets ended runs that started before `before` (RFC 3339). */
  async prune(before: string): Promise<void> {
    await this.storage.write([
      {
        sql: "DELETE FROM power_run WHERE open = 0 AND announced = 1 AND started_at < ?",
        params: [before],
      },
    ]);
  }
}

function readRun(row: Row): Run {
  return JSON.parse(row.document) as Run;
}
