import type { ScriptRun } from "@outrider/contracts/console-operations";
import type { CommandId, NodeId } from "@outrider/contracts/ids";
import type { Storage } from "@outrider/storage/storage";

/** The oldest go beyond this. */
const MOST_KEPT = 200;
const MOST_LISTED = 100;
const COLUMNS = "id, node, actor, state, started_ms, ended_ms, line, detail";

interface Row {
  readonly id: string;
  readonly node: string;
  readonly actor: string;
  readonly state: string;
  readonly started_ms: number;
  readonly ended_ms: number | null;
  readonly line: number;
  readonly detail: string | null;
}

/** What became of scripts. Throws StorageError. */
export class ScriptStore {
  constructor(private readonly storage: Storage) {}

  /** Those that a crash interrupted have failed. */
  async settle(nowMs: number): Promise<void> {
    const detail =
      "the console service was stopped in the middle of it; look at the console before running it again";
    await this.storage.write([
      {
        sql: "UPDATE console_scripts SET state = ?, ended_ms = ?, detail = ? WHERE state = ?",
        params: ["failed", nowMs, detail, "running"],
      },
    ]);
  }

  async begin(run: ScriptRun): Promise<void> {
    await this.storage.write([
      {
        sql: `INSERT INTO console_scripts (id, node, actor, state, started_ms, line)
          VALUES (?, ?, ?, ?, ?, ?)`,
        params: [run.id, run.node, run.actor, run.state, Date.parse(run.startedAt), run.line],
      },
      {
        sql: `DELETE FROM console_scripts WHERE state <> ? AND id NOT IN
          (SELECT id FROM console_scripts ORDER BY started_ms DESC, id DESC LIMIT ?)`,
        params: ["running", MOST_KEPT],
      },
    ]);
  }

  async end(run: ScriptRun, transcript: string): Promise<void> {
    const endedMs = run.endedAt === undefined ? null : Date.parse(run.endedAt);
    await this.storage.write([
      {
        sql: `UPDATE console_scripts SET state = ?, ended_ms = ?, line = ?, detail = ?, transcript = ?
          WHERE id = ?`,
        params: [run.state, endedMs, run.line, run.detail ?? null, transcript, run.id],
      },
    ]);
  }

  async get(id: string): Promise<ScriptRun | undefined> {
    const row = await this.storage.get<Row>(`SELECT ${COLUMNS} FROM console_scripts WHERE id = ?`, [
      id,
    ]);
    return row && runOf(row);
  }

  async transcript(id: string): Promise<string | undefined> {
    const row = await this.storage.get<{ transcript: string | null }>(
      "SELECT transcript FROM console_scripts WHERE id = ?",
      [id],
    );
    return row && (row.transcript ?? "");
  }

  /** Newest first. */
  async list(): Promise<ScriptRun[]> {
    const rows = await this.storage.all<Row>(
      `SELECT ${COLUMNS} FROM console_scripts ORDER BY started_ms DESC, id DESC LIMIT ?`,
      [MOST_LISTED],
    );
    return rows.map(runOf);
  }
}

function runOf(row: Row): ScriptRun {
  return {
    id: row.id as CommandId,
    node: row.node as NodeId,
    actor: row.actor,
    state: row.state as ScriptRun["state"],
    startedAt: new Date(row.started_ms).toISOString(),
    ...(row.ended_ms === null ? {} : { endedAt: new Date(row.ended_ms).toISOString() }),
    line: row.line,
    ...(row.detail === null ? {} : { detail: row.detail }),
  };
}
