import type { AuditEntry } from "@outrider/audit/audit-entry";
import { AuditLog, type AuditLogOptions } from "@outrider/audit/audit-log";
import { auditMigrations } from "@outrider/audit/audit-migrations";
import type {
  AgentCommand,
  AgentDesired,
  AgentEvent,
  CommandReport,
} from "@outrider/contracts/agent";
import type { CommandId, EndpointId, NodeId } from "@outrider/contracts/ids";
import type { Numbered, Outbox } from "@outrider/messaging/outbox";
import { openStorage } from "@outrider/storage/open-storage";
import { isStorageError } from "@outrider/storage/storage-error";
import type { Statement, Storage } from "@outrider/storage/storage";
import { fromJson, toJson, type SqlInput } from "@outrider/storage/values";
import { commandIntent, commandOutcome } from "./actuation.js";
import type { CommandRecord, CommandStep, EndpointMemory } from "./command-record.js";
import { JOURNAL_MIGRATIONS } from "./journal-schema.js";

/** An event as it is kept: epoch and number are put on when it is sent. */
export type StoredEvent = Pick<AgentEvent, "at" | "command" | "incident">;

export type JournalAudit = Omit<AuditLogOptions, "storage" | "owner">;

/** Changes to what is remembered of an endpoint; undefined forgets. What is not named stays. */
export type MemoryPatch = Partial<EndpointMemory>;

export interface Acceptance {
  readonly command: AgentCommand;
  readonly acceptedAt: string;
  readonly patch: MemoryPatch;
}

const KEEP_MS = 7 * 24 * 3_600_000;
const KEEP_AT_LEAST = 10_000;

/**
 * The record of everything that the agent was told, does, owes and has to report. Each method that writes is one
 * transaction and resolves when it is on the disk. Everything rejects with StorageError.
 */
export class Journal {
  readonly #storage: Storage;
  readonly #audit: AuditLog;

  private constructor(storage: Storage, audit: AuditLog) {
    this.#storage = storage;
    this.#audit = audit;
  }

  /** @param audit the log in which each actuation is recorded by the transaction that records it in the journal */
  static async open(file: string, audit: JournalAudit): Promise<Journal> {
    const migrations = [JOURNAL_MIGRATIONS, auditMigrations("agent")];
    // Reads are short and happen at the start, before a refusal, and where events are repeated; never before an actuation.
    const storage = await openStorage({ file, migrations, oneThread: true });
    try {
      return new Journal(storage, await AuditLog.open({ ...audit, storage, owner: "agent" }));
    } catch (error) {
      await storage.close();
      throw error;
    }
  }

  /** Events until they are acknowledged. */
  readonly outbox: Outbox<StoredEvent> = {
    append: async (event) => {
      const [inserted] = await this.#storage.write([insertEvent(event)]);
      return Number(inserted?.rows[0]?.["seq"]);
    },
    unacknowledged: async (from, limit) => {
      const rows = await this.#storage.all<{ seq: number; event: string }>(
        "SELECT seq, event FROM agent_event WHERE seq >= ? ORDER BY seq LIMIT ?",
        [from, limit],
      );
      return rows.map(({ seq, event }): Numbered<StoredEvent> => ({ seq, event: fromJson(event) }));
    },
    acknowledge: async (seq) => {
      await this.#storage.write([{ sql: "DELETE FROM agent_event WHERE seq <= ?", params: [seq] }]);
    },
  };

  /**
   * Records that a command is accepted and about to be done.
   * @returns false when its id is in the journal already; nothing was written then
   */
  async accept({ command, acceptedAt, patch }: Acceptance): Promise<boolean> {
    const { id, node, endpoint, action, actor, via, reason, epoch, fence } = command;
    const statements: Statement[] = [
      {
        sql: `INSERT INTO agent_command
              (id, node, endpoint, action, actor, via, reason, epoch, fence, step, status, accepted_at)
              VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, 'acting', 'Accepted', ?)`,
        params: [
          id,
          node,
          endpoint,
          action,
          actor,
          via,
          reason ?? null,
          epoch,
          fence ?? null,
          acceptedAt,
        ],
      },
      ...remember(endpoint, patch),
    ];
    if (fence !== undefined) {
      statements.push({
        sql: `INSERT INTO agent_fence (node, fence) VALUES (?, ?)
              ON CONFLICT (node) DO UPDATE SET fence = excluded.fence
              WHERE excluded.fence > agent_fence.fence`,
        params: [node, fence],
      });
    }
    statements.push(...this.#audit.statements(commandIntent(command)));
    try {
      await this.#storage.write(statements);
      return true;
    } catch (error) {
      if (isStorageError(error, "constraint") && error.statement === 0) return false;
      throw error;
    }
  }

  /** Records what a command is about to do next. */
  async recordStep(id: CommandId, step: CommandStep): Promise<void> {
    await this.#storage.write([
      {
        sql: "UPDATE agent_command SET step = ? WHERE id = ? AND ended_at IS NULL",
        params: [step, id],
        expectChanges: 1,
      },
    ]);
  }

  /**
   * Records the outcome of a command, with the event that reports it and others that belong to it.
   * @returns the event that reports it
   */
  async end(
    command: Pick<CommandRecord, "actor" | "via">,
    outcome: CommandReport & { readonly endedAt: string },
    patch: MemoryPatch,
    incidents: readonly StoredEvent[],
  ): Promise<Numbered<StoredEvent>> {
    const event = { at: outcome.endedAt, command: outcome };
    const results = await this.#storage.write([
      {
        sql: `UPDATE agent_command SET step = 'ended', status = ?, outcome = ?, ended_at = ?
              WHERE id = ? AND ended_at IS NULL`,
        params: [outcome.status, toJson(outcome), outcome.endedAt, outcome.id],
        expectChanges: 1,
      },
      ...remember(outcome.endpoint, patch),
      ...this.#audit.statements(commandOutcome(command, outcome)),
      ...incidents.map(insertEvent),
      insertEvent(event),
    ]);
    return { seq: Number(results.at(-1)?.rows[0]?.["seq"]), event };
  }

  /** Records what is known of an endpoint, with the events that go with it, and what is about to be done or was done. */
  async remember(
    endpoint: EndpointId,
    patch: MemoryPatch,
    events: readonly StoredEvent[] = [],
    audited: readonly AuditEntry[] = [],
  ): Promise<void> {
    await this.#storage.write([
      ...remember(endpoint, patch),
      ...audited.flatMap((entry) => this.#audit.statements(entry)),
      ...events.map(insertEvent),
    ]);
  }

  async find(id: CommandId): Promise<CommandRecord | undefined> {
    const row = await this.#storage.get<CommandRow>(`${SELECT} WHERE id = ?`, [id]);
    return row && recordOf(row);
  }

  /** Commands without an outcome, oldest first. */
  async open(): Promise<CommandRecord[]> {
    const rows = await this.#storage.all<CommandRow>(
      `${SELECT} WHERE ended_at IS NULL ORDER BY number`,
    );
    return rows.map(recordOf);
  }

  async memories(): Promise<Map<string, EndpointMemory>> {
    const rows = await this.#storage.all<MemoryRow>(
      `SELECT endpoint, commanded, seen, boot_id, attempts, fault, owed, running_watts, starting_watts
       FROM agent_endpoint`,
    );
    return new Map(rows.map((row) => [row.endpoint, memoryOf(row)]));
  }

  async fences(): Promise<Map<NodeId, number>> {
    const rows = await this.#storage.all<{ node: NodeId; fence: number }>(
      "SELECT node, fence FROM agent_fence",
    );
    return new Map(rows.map(({ node, fence }) => [node, fence]));
  }

  async desired(): Promise<AgentDesired | undefined> {
    const row = await this.#storage.get<{ document: string }>(
      "SELECT document FROM agent_desired WHERE one = 1",
    );
    return row && fromJson<AgentDesired>(row.document);
  }

  /** Keeps the agent's configuration; undefined: it has none any more. */
  async keepDesired(desired: AgentDesired | undefined): Promise<void> {
    await this.#storage.write([
      desired
        ? {
            sql: `INSERT INTO agent_desired (one, document) VALUES (1, ?)
                  ON CONFLICT (one) DO UPDATE SET document = excluded.document`,
            params: [toJson(desired)],
          }
        : { sql: "DELETE FROM agent_desired" },
    ]);
  }

  /**
   * Forgets ended commands that are older than seven days, but never the newest ten thousand. Age is counted from the
   * newest command and not from now: a calendar that jumps ahead while nothing happens makes nothing old.
   * @returns how many
   */
  async prune(): Promise<number> {
    const newest = await this.#storage.get<{ accepted_at: string }>(
      "SELECT accepted_at FROM agent_command ORDER BY number DESC LIMIT 1",
    );
    const edge = await this.#storage.get<{ number: number }>(
      "SELECT number FROM agent_command ORDER BY number DESC LIMIT 1 OFFSET ?",
      [KEEP_AT_LEAST],
    );
    if (!newest || !edge) return 0;
    const before = new Date(Date.parse(newest.accepted_at) - KEEP_MS).toISOString();
    const [deleted] = await this.#storage.write([
      {
        sql: "DELETE FROM agent_command WHERE number <= ? AND accepted_at < ? AND ended_at IS NOT NULL",
        params: [edge.number, before],
      },
    ]);
    return deleted?.changes ?? 0;
  }

  /** Flushed commits and transactions since the start. */
  stats(): { readonly commits: number; readonly transactions: number } {
    return this.#storage.stats();
  }

  async close(): Promise<void> {
    await this.#audit.close();
    await this.#storage.close();
  }
}

const SELECT =
  "SELECT id, node, endpoint, action, actor, via, reason, epoch, step, accepted_at, outcome FROM agent_command";

interface CommandRow extends Omit<CommandRecord, "acceptedAt" | "outcome" | "reason"> {
  readonly accepted_at: string;
  readonly reason: string | null;
  readonly outcome: string | null;
}

interface MemoryRow {
  readonly endpoint: string;
  readonly commanded: string | null;
  readonly seen: string | null;
  readonly boot_id: string | null;
  readonly attempts: number;
  readonly fault: string | null;
  readonly owed: string | null;
  readonly running_watts: number | null;
  readonly starting_watts: number | null;
}

function recordOf({ accepted_at, outcome, reason, ...rest }: CommandRow): CommandRecord {
  return {
    ...rest,
    acceptedAt: accepted_at,
    reason: reason ?? undefined,
    outcome: outcome === null ? undefined : fromJson<CommandReport>(outcome),
  };
}

function memoryOf(row: MemoryRow): EndpointMemory {
  return {
    commanded: (row.commanded ?? undefined) as EndpointMemory["commanded"],
    seen: (row.seen ?? undefined) as EndpointMemory["seen"],
    bootId: row.boot_id ?? undefined,
    attempts: row.attempts,
    fault: row.fault ?? undefined,
    owed: (row.owed ?? undefined) as EndpointMemory["owed"],
    runningWatts: row.running_watts ?? undefined,
    startingWatts: row.starting_watts ?? undefined,
  };
}

const COLUMNS: Readonly<Record<keyof EndpointMemory, string>> = {
  commanded: "commanded",
  seen: "seen",
  bootId: "boot_id",
  attempts: "attempts",
  fault: "fault",
  owed: "owed",
  runningWatts: "running_watts",
  startingWatts: "starting_watts",
};

function remember(endpoint: EndpointId, patch: MemoryPatch): Statement[] {
  const keys = (Object.keys(COLUMNS) as (keyof EndpointMemory)[]).filter((key) => key in patch);
  if (keys.length === 0) return [];
  const columns = keys.map((key) => COLUMNS[key]);
  return [
    {
      sql: `INSERT INTO agent_endpoint (endpoint, ${columns.join(", ")})
            VALUES (?${", ?".repeat(keys.length)}) ON CONFLICT (endpoint) DO UPDATE
            SET ${columns.map((column) => `${column} = excluded.${column}`).join(", ")}`,
      params: [endpoint, ...keys.map((key): SqlInput => patch[key] ?? null)],
    },
  ];
}

function insertEvent(event: StoredEvent): Statement {
  return {
    sql: "INSERT INTO agent_event (event) VALUES (?) RETURNING seq",
    params: [toJson(event)],
  };
}
