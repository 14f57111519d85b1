import { seconds, type Clock } from "@outrider/contracts/clock";
import type { SitePolicy } from "@outrider/contracts/fleet";
import type { NodeId } from "@outrider/contracts/ids";
import type { NodeLock } from "@outrider/contracts/lock";
import type { Log } from "@outrider/messaging/log";
import type { Migration, Statement, Storage } from "@outrider/storage/storage";
import type { Draws } from "./draws.js";
import type { Locks } from "./locks.js";
import type { Policies } from "./policies.js";

export const MEMORY_MIGRATION: Migration = {
  id: 2,
  name: "memory",
  sql: `
    CREATE TABLE power_draw (
      node TEXT PRIMARY KEY, running_watts DOUBLE PRECISION, starting_watts DOUBLE PRECISION
    );
    CREATE TABLE power_lock (node TEXT PRIMARY KEY, document TEXT NOT NULL);
    CREATE TABLE power_policy (number INTEGER PRIMARY KEY, document TEXT NOT NULL);
  `,
};

const SAVE_EVERY = seconds(1);

/**
 * Keeps what was heard of limits over a restart: until inventory speaks again, the last policy and the last locks are
 * in force, so that no command slips through before it does.
 */
export class Memory {
  #policy: SitePolicy | undefined;
  #savedPolicy: string | undefined;
  #stop: (() => void) | undefined;
  #saving: Promise<void> = Promise.resolve();
  /** Whether a save is queued that has not looked at the news yet. */
  #isQueued = false;

  constructor(
    private readonly parts: {
      readonly storage: Storage;
      readonly clock: Clock;
      readonly log: Log;
      readonly policies: Policies;
      readonly locks: Locks;
      readonly draws: Draws;
    },
  ) {}

  /** Puts into force what a former process knew. Before the first message. */
  async load(): Promise<void> {
    const { storage, clock, policies, locks, draws } = this.parts;
    const learned = await storage.all<{
      node: NodeId;
      running_watts: number | null;
      starting_watts: number | null;
    }>("SELECT node, running_watts, starting_watts FROM power_draw");
    draws.recall(
      learned.map(({ node, running_watts: running, starting_watts: starting }) => [
        node,
        { runningWatts: running ?? undefined, startingWatts: starting ?? undefined },
      ]),
    );
    const held = await storage.all<{ node: NodeId; document: string }>(
      "SELECT node, document FROM power_lock",
    );
    for (const { node, document } of held) locks.recall(node, JSON.parse(document) as NodeLock);
    locks.news();
    const policy = await storage.get<{ document: string }>(
      "SELECT document FROM power_policy WHERE number = 1",
    );
    this.#savedPolicy = policy?.document;
    if (policy) policies.take(JSON.parse(policy.document) as SitePolicy);
    policies.onChange((next) => (this.#policy = next));
    // A lock at once: until it is kept, a process that dies forgets it. Draws and policies can wait.
    locks.onNews(() => this.#saveSoon());
    this.#stop = clock.every(SAVE_EVERY, () => this.#saveSoon());
  }

  /** Saves what is new and ends. */
  async stop(): Promise<void> {
    this.#stop?.();
    this.parts.locks.onNews(() => undefined);
    await this.#saving;
    await this.#save();
  }

  /** Saves what is new by then, once what is being saved now is saved. */
  #saveSoon(): void {
    if (this.#isQueued) return;
    this.#isQueued = true;
    this.#saving = this.#saving.then(() => {
      this.#isQueued = false;
      return this.#save();
    });
  }

  async #save(): Promise<void> {
    const { storage, log, locks, draws } = this.parts;
    const statements: Statement[] = [];
    const lockNews = locks.news();
    for (const [node, lock] of lockNews) statements.push(lockStatement(node, lock));
    for (const [node, { runningWatts, startingWatts }] of draws.news()) {
      statements.push({
        sql: `INSERT INTO power_draw (node, running_watts, starting_watts) VALUES (?, ?, ?)
              ON CONFLICT (node) DO UPDATE
              SET running_watts = excluded.running_watts, starting_watts = excluded.starting_watts`,
        params: [node, runningWatts ?? null, startingWatts ?? null],
      });
    }
    const policy = this.#policy && JSON.stringify(this.#policy);
    this.#policy = undefined;
    if (policy !== undefined && policy !== this.#savedPolicy) {
      statements.push({
        sql: `INSERT INTO power_policy (number, document) VALUES (1, ?)
              ON CONFLICT (number) DO UPDATE SET document = excluded.document`,
        params: [policy],
      });
    }
    if (statements.length === 0) return;
    try {
      await storage.write(statements);
      if (policy !== undefined) this.#savedPolicy = policy;
    } catch (error) {
      // They are in force all the same. Locks are tried again with the next tick; of the rest there will be news.
      locks.unsaved(lockNews.map(([node]) => node));
      log.warn({ err: error }, "limits could not be kept for the next start of the power service");
    }
  }
}

function lockStatement(node: NodeId, lock: NodeLock | undefined): Statement {
  if (!lock) return { sql: "DELETE FROM power_lock WHERE node = ?", params: [node] };
  return {
    sql: `INSERT INTO power_lock (node, document) VALUES (?, ?)
          ON CONFLICT (node) DO UPDATE SET document = excluded.document`,
    params: [node, JSON.stringify(lock)],
  };
}
