import type { CommandId, NodeId } from "@outrider/contracts/ids";
import type { Lock, LockState } from "@outrider/contracts/lock";
import type { Migration, Statement, Storage } from "@outrider/storage/storage";
import { foldedNodes, nodesOfFolded } from "../node-sets.js";
import type { BookLock } from "./book-lock.js";
import type { LockChange } from "./lock-draft.js";

/** Ended locks that are kept, so that a repeated id has its answer. Older ones are forgotten. */
const KEPT = 10_000;

export const LOCK_MIGRATION: Migration = {
  id: 3,
  name: "locks and fences",
  sql: `CREATE TABLE inventory_locks (
          id TEXT PRIMARY KEY,
          seq INTEGER NOT NULL,
          active INTEGER NOT NULL,
          state TEXT NOT NULL,
          holder TEXT NOT NULL,
          reason TEXT,
          nodes TEXT NOT NULL,
          priority INTEGER NOT NULL,
          lease_ms INTEGER NOT NULL,
          asked_at TEXT NOT NULL,
          since TEXT,
          until TEXT,
          ended_at TEXT,
          ended_by TEXT
        );
        CREATE UNIQUE INDEX inventory_locks_seq ON inventory_locks (seq);
        CREATE INDEX inventory_locks_active ON inventory_locks (active, seq);
        CREATE TABLE inventory_fence (
          node TEXT PRIMARY KEY,
          fence INTEGER NOT NULL
        );`,
};

interface LockRow {
  id: CommandId;
  seq: number;
  state: LockState;
  holder: string;
  reason: string | null;
  nodes: string;
  priority: number;
  lease_ms: number;
  asked_at: string;
  since: string | null;
  until: string | null;
  ended_at: string | null;
  ended_by: string | null;
}

/** Locks and fences on the disk. */
export class LockStore {
  constructor(private readonly storage: Storage) {}

  async active(): Promise<BookLock[]> {
    const rows = await this.storage.all<LockRow>(
      "SELECT * FROM inventory_locks WHERE active = 1 ORDER BY seq",
    );
    return rows.map(lockOf);
  }

  async fences(): Promise<[NodeId, number][]> {
    const rows = await this.storage.all<{ node: NodeId; fence: number }>(
      "SELECT node, fence FROM inventory_fence",
    );
    return rows.map(({ node, fence }) => [node, fence]);
  }

  async order(): Promise<number> {
    const row = await this.storage.get<{ seq: number | null }>(
      "SELECT MAX(seq) AS seq FROM inventory_locks",
    );
    return row?.seq ?? 0;
  }

  async find(id: CommandId): Promise<BookLock | undefined> {
    const row = await this.storage.get<LockRow>("SELECT * FROM inventory_locks WHERE id = ?", [id]);
    return row && lockOf(row);
  }

  /** Newest first. @param before the order of the last one of the page before */
  async page(activeOnly: boolean, before: number, limit: number): Promise<BookLock[]> {
    const rows = await this.storage.all<LockRow>(
      `SELECT * FROM inventory_locks WHERE seq < ? ${activeOnly ? "AND active = 1" : ""}
       ORDER BY seq DESC LIMIT ?`,
      [before, limit],
    );
    return rows.map(lockOf);
  }

  /** Resolves when the change is on the disk, with what else belongs to it, all or none. */
  async save({ locks, fences }: LockChange, beside: readonly Statement[] = []): Promise<void> {
    const statements: Statement[] = [...beside];
    for (const [node, fence] of fences) {
      statements.push({
        // Never lower, whoever writes.
        sql: `INSERT INTO inventory_fence (node, fence) VALUES (?, ?)
              ON CONFLICT (node) DO UPDATE SET fence = excluded.fence
              WHERE excluded.fence > inventory_fence.fence`,
        params: [node, fence],
      });
    }
    for (const lock of locks) statements.push(saveLock(lock));
    const newest = Math.max(0, ...locks.map(({ order }) => order));
    if (newest > KEPT) {
      statements.push({
        sql: "DELETE FROM inventory_locks WHERE active = 0 AND seq <= ?",
        params: [newest - KEPT],
      });
    }
    if (statements.length > 0) await this.storage.write(statements);
  }
}

function saveLock(lock: BookLock): Statement {
  return {
    sql: `INSERT INTO inventory_locks (id, seq, active, state, holder, reason, nodes, priority, lease_ms,
                                       asked_at, since, until, ended_at, ended_by)
          VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
          ON CONFLICT (id) DO UPDATE
          SET active = excluded.active, state = excluded.state, lease_ms = excluded.lease_ms,
              since = excluded.since, until = excluded.until, ended_at = excluded.ended_at,
              ended_by = excluded.ended_by`,
    params: [
      lock.id,
      lock.order,
      lock.state === "Held" || lock.state === "Queued" ? 1 : 0,
      lock.state,
      lock.holder,
      lock.reason ?? null,
      foldedNodes(lock.nodes),
      lock.priority,
      lock.leaseMs,
      lock.askedAt,
      lock.since ?? null,
      lock.until ?? null,
      lock.endedAt ?? null,
      lock.endedBy ?? null,
    ],
  };
}

function lockOf(row: LockRow): BookLock {
  return {
    id: row.id,
    order: row.seq,
    state: row.state,
    holder: row.holder,
    nodes: nodesOfFolded(row.nodes),
    priority: row.priority,
    leaseMs: row.lease_ms,
    askedAt: row.asked_at,
    ...(row.reason === null ? {} : { reason: row.reason }),
    ...(row.since === null ? {} : { since: row.since }),
    ...(row.until === null ? {} : { until: row.until }),
    ...(row.ended_at === null ? {} : { endedAt: row.ended_at }),
    ...(row.ended_by === null ? {} : { endedBy: row.ended_by }),
  };
}

/** More fences than this would fill the message; each node's own document has its fence. */
const MOST_FENCES = 500;

/** A lock as it is told. */
export function lockText(
  lock: BookLock,
  more: { position?: number | undefined; fence?: (node: NodeId) => number } = {},
): Lock {
  const { fence, position } = more;
  const { order: _order, deadlineMs: _deadline, nodes, ...rest } = lock;
  const told: Lock = { ...rest, nodes: foldedNodes(nodes) };
  if (position !== undefined) told.position = position;
  if (fence && lock.state === "Held" && nodes.length <= MOST_FENCES) {
    told.fences = Object.fromEntries(nodes.map((node) => [node, fence(node)]));
  }
  return told;
}
