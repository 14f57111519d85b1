import { commandId, nodeId, type CommandId } from "@outrider/contracts/ids";
import type { ReasonCode } from "@outrider/contracts/reasons";
import type { TaskCounts, TaskState, TransitionState } from "@outrider/contracts/transition";
import type { Migration, Statement, Storage } from "@outrider/storage/storage";
import { isStorageError } from "@outrider/storage/storage-error";
import type { Changes } from "./progress.js";
import { countTasks, type Head, type Order, type TaskRecord } from "./task.js";

/** Added to the migrations of the power service. */
export const TRANSITION_MIGRATION: Omit<Migration, "id"> = {
  name: "transitions",
  sql: `
    CREATE TABLE power_transition (
      id          TEXT PRIMARY KEY,
      state       TEXT NOT NULL,
      open        INTEGER NOT NULL,
      created_at  TEXT NOT NULL,
      ended_at    TEXT,
      aborted_by  TEXT,
      revision    INTEGER NOT NULL,
      total       INTEGER NOT NULL,
      counts      TEXT NOT NULL,
      document    TEXT NOT NULL
    );
    CREATE INDEX power_transition_created ON power_transition (created_at, id);
    CREATE INDEX power_transition_open ON power_transition (open) WHERE open = 1;
    CREATE TABLE power_task (
      transition  TEXT NOT NULL,
      position    INTEGER NOT NULL,
      node        TEXT NOT NULL,
      command     TEXT NOT NULL,
      state       TEXT NOT NULL,
      reason_code TEXT,
      detail      TEXT,
      started_at  TEXT,
      ended_at    TEXT,
      PRIMARY KEY (transition, position)
    );
  `,
};

interface TransitionRow {
  readonly id: string;
  readonly state: string;
  readonly created_at: string;
  readonly ended_at: string | null;
  readonly aborted_by: string | null;
  readonly revision: number;
  readonly total: number;
  readonly counts: string;
  readonly document: string;
}

interface TaskRow {
  readonly position: number;
  readonly node: string;
  readonly command: string;
  readonly state: string;
  readonly reason_code: string | null;
  readonly detail: string | null;
  readonly started_at: string | null;
  readonly ended_at: string | null;
}

/** A transition without its tasks. */
export interface Stored {
  readonly order: Order;
  readonly head: Head;
  readonly total: number;
  readonly counts: TaskCounts;
}

/** Where a page of transitions ended. */
export interface After {
  readonly createdAt: string;
  readonly id: string;
}

/** Many rows in one statement are much cheaper than many statements. */
const ROWS_AT_ONCE = 200;
/** Ended transitions are kept this long, in milliseconds. */
const KEEP_MS = 30 * 86_400_000;
/** Whatever the clock says, so many of the newest are never forgotten. */
const ALWAYS_KEPT = 100;
const COLUMNS = "id, state, created_at, ended_at, aborted_by, revision, total, counts, document";
const TASK_COLUMNS = "position, node, command, state, reason_code, detail, started_at, ended_at";

/** Transitions and their tasks in the tables of the power service. */
export class TransitionStore {
  constructor(private readonly storage: Storage) {}

  /**
   * Records a new transition with all of its tasks. Durable when resolved.
   * @param more what else is written in the same transaction
   * @returns false when the id is taken; then nothing was written
   */
  async create(
    order: Order,
    head: Head,
    tasks: readonly TaskRecord[],
    more: readonly Statement[] = [],
  ): Promise<boolean> {
    const statements: Statement[] = [
      {
        sql: `INSERT INTO power_transition (id, state, open, created_at, revision, total, counts, document)
              VALUES (?, ?, 1, ?, ?, ?, ?, ?) ON CONFLICT (id) DO NOTHING`,
        params: [
          order.id,
          head.state,
          order.createdAt,
          head.revision,
          tasks.length,
          JSON.stringify(countTasks([["Waiting", tasks.length]])),
          JSON.stringify(order),
        ],
        expectChanges: 1,
      },
    ];
    for (let from = 0; from < tasks.length; from += ROWS_AT_ONCE) {
      const rows = tasks.slice(from, from + ROWS_AT_ONCE);
      statements.push({
        sql: `INSERT INTO power_task (transition, position, node, command, state)
              VALUES ${rows.map(() => "(?, ?, ?, ?, ?)").join(", ")}`,
        params: rows.flatMap(({ node, command, state }, index) => [
          order.id,
          from + index,
          node,
          command,
          state,
        ]),
      });
    }
    try {
      await this.storage.write([...statements, ...more]);
      return true;
    } catch (error) {
      if (isStorageError(error, "precondition")) return false;
      throw error;
    }
  }

  /** Records what has changed, in one transaction. Durable when resolved. */
  async save(
    id: CommandId,
    { head, tasks, counts }: Changes,
    more: readonly Statement[] = [],
  ): Promise<void> {
    const statements: Statement[] = tasks.map((task) => ({
      sql: `UPDATE power_task SET state = ?, reason_code = ?, detail = ?, started_at = ?, ended_at = ?
            WHERE transition = ? AND position = ?`,
      params: [
        task.state,
        task.reasonCode ?? null,
        task.detail ?? null,
        task.startedAt ?? null,
        task.endedAt ?? null,
        id,
        task.position,
      ],
      expectChanges: 1,
    }));
    statements.push({
      sql: `UPDATE power_transition SET state = ?, open = ?, ended_at = ?, aborted_by = ?, revision = ?, counts = ? WHERE id = ?`,
      params: [
        head.state,
        head.endedAt === undefined ? 1 : 0,
        head.endedAt ?? null,
        head.abortedBy ?? null,
        head.revision,
        JSON.stringify(counts),
        id,
      ],
      expectChanges: 1,
    });
    await this.storage.write([...statements, ...more]);
  }

  async find(id: CommandId): Promise<Stored | undefined> {
    const row = await this.storage.get<TransitionRow>(
      `SELECT ${COLUMNS} FROM power_transition WHERE id = ?`,
      [id],
    );
    return row && readTransition(row);
  }

  /** Those that have not ended, oldest first. */
  async open(): Promise<Stored[]> {
    const rows = await this.storage.all<TransitionRow>(
      `SELECT ${COLUMNS} FROM power_transition WHERE open = 1 ORDER BY created_at, id`,
    );
    return rows.map(readTransition);
  }

  /** Newest first. */
  async list(limit: number, after: After | undefined, onlyOpen: boolean): Promise<Stored[]> {
    const rows = await this.storage.all<TransitionRow>(
      `SELECT ${COLUMNS} FROM power_transition
       WHERE (created_at < ? OR (created_at = ? AND id < ?)) AND open >= ?
       ORDER BY created_at DESC, id DESC LIMIT ?`,
      // A time that no transition reaches: RFC 3339 sorts as text.
      [
        after?.createdAt ?? "9999",
        after?.createdAt ?? "9999",
        after?.id ?? "",
        onlyOpen ? 1 : 0,
        limit,
      ],
    );
    return rows.map(readTransition);
  }

  /** Tasks of a transition from a position on, in the order of its nodes. */
  async tasks(
    id: CommandId,
    from = 0,
    limit = 100_000,
    states?: readonly TaskState[],
  ): Promise<(TaskRecord & { readonly position: number })[]> {
    const only = states ? ` AND state IN (${states.map(() => "?").join(", ")})` : "";
    const rows = await this.storage.all<TaskRow>(
      `SELECT ${TASK_COLUMNS} FROM power_task
       WHERE transition = ? AND position >= ?${only} ORDER BY position LIMIT ?`,
      [id, from, ...(states ?? []), limit],
    );
    return rows.map(readTask);
  }

  /** Forgets what ended long ago, and never the newest. */
  async prune(now: Date): Promise<void> {
    const newest = await this.storage.get<{ readonly at: string | null }>(
      "SELECT max(created_at) AS at FROM power_transition",
    );
    // A clock that was wrong when they were made, or is wrong now, makes nothing old.
    const fromMs = Math.min(now.getTime(), newest?.at ? Date.parse(newest.at) : now.getTime());
    const before = new Date(fromMs - KEEP_MS).toISOString();
    const old = `SELECT id FROM power_transition WHERE open = 0 AND ended_at < ? AND id NOT IN
                 (SELECT id FROM power_transition ORDER BY created_at DESC, id DESC LIMIT ${ALWAYS_KEPT})`;
    await this.storage.write([
      { sql: `DELETE FROM power_task WHERE transition IN (${old})`, params: [before] },
      { sql: `DELETE FROM power_transition WHERE id IN (${old})`, params: [before] },
    ]);
  }
}

function readTransition(row: TransitionRow): Stored {
  return {
    order: JSON.parse(row.document) as Order,
    head: {
      state: row.state as TransitionState,
      revision: row.revision,
      ...(row.ended_at === null ? {} : { endedAt: row.ended_at }),
      ...(row.aborted_by === null ? {} : { abortedBy: row.aborted_by }),
    },
    total: row.total,
    counts: JSON.parse(row.counts) as TaskCounts,
  };
}

function readTask(row: TaskRow): TaskRecord & { readonly position: number } {
  return {
    position: row.position,
    node: nodeId(row.node),
    command: commandId(row.command),
    state: row.state as TaskState,
    ...(row.reason_code === null ? {} : { reasonCode: row.reason_code as ReasonCode }),
    ...(row.detail === null ? {} : { detail: row.detail }),
    ...(row.started_at === null ? {} : { startedAt: row.started_at }),
    ...(row.ended_at === null ? {} : { endedAt: row.ended_at }),
  };
}
