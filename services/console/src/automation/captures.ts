import { mkdir, open, readFile, readdir, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { milliseconds, type Clock } from "@outrider/contracts/clock";
import type { ConsoleCapture } from "@outrider/contracts/console-operations";
import type { CommandId, NodeId } from "@outrider/contracts/ids";
import type { Log } from "@outrider/messaging/log";
import { mintCommandId } from "@outrider/messaging/mint-id";
import type { Statement, Storage } from "@outrider/storage/storage";
import { StorageError } from "@outrider/storage/storage-error";
import type { ConsoleLog } from "../log/console-log.js";
import { syncDirectory } from "../log/sync-directory.js";
import { whenMissing } from "../log/when-missing.js";
import type { Happening } from "../sessions/console-parts.js";
import { seemly } from "../sessions/seemly.js";
import type { Match } from "./rule-actor.js";
import { CAPTURE_FOLLOWS_MS } from "./rule-limits.js";

/** What stands before the match, and what comes after it, at most. */
const BEFORE_BYTES = 65_536;
const AFTER_BYTES = 65_536;
/** What comes so long after the match belongs to it. */
const FOLLOW = milliseconds(CAPTURE_FOLLOWS_MS);
/** The oldest go beyond these. */
const MOST_PER_NODE = 16;
const MOST = 2000;
const MOST_LISTED = 100;
const MOST_AT_ONCE = 8;

/** Without its log for so long, what was begun before this start is given up: the site has no such console any more. */
const GIVE_UP_MS = 60_000;

interface Begun {
  readonly id: string;
  readonly node: string;
  readonly at_ms: number;
  readonly rule: string;
  readonly line: string;
  readonly position: number;
}

interface Row extends Omit<Begun, "position"> {
  readonly bytes: number;
}

export interface CapturesOptions {
  readonly storage: Storage;
  /** `<OUTRIDER_DATA>/console`. */
  readonly directory: string;
  readonly clock: Clock;
  readonly log: Log;
  readonly logOf: (node: NodeId) => ConsoleLog | undefined;
  readonly happened: (node: NodeId, event: Happening) => void;
}

/** Pieces of consoles that are kept because of what was in them, longer than their logs: bounded in number and size. */
export class Captures {
  readonly #stopped = new AbortController();
  readonly #busy = new Set<NodeId>();
  /** What an earlier process had begun and not brought to its end. */
  readonly #left = new Set<Begun>();
  #loadedMs = 0;

  constructor(private readonly options: CapturesOptions) {}

  /**
   * Keeps the exact bytes around a match: what came before it, and what follows for a few seconds. One at a time for
   * each node. What could not be kept is said as an event; never throws for the disk's or the database's sake.
   */
  async capture(node: NodeId, rule: string, match: Match): Promise<void> {
    if (this.#busy.has(node) || this.#busy.size >= MOST_AT_ONCE) return;
    const log = this.options.logOf(node);
    if (!log) return;
    this.#busy.add(node);
    const begun: Begun = {
      id: mintCommandId(),
      node,
      at_ms: Math.round(match.atMicros / 1000),
      rule,
      line: seemly(match.line),
      position: match.position ?? log.next,
    };
    await this.#begin(begun);
    await this.#finish(begun, log);
  }

  /**
   * Takes up what was under way when the service died: from the log, which has what was said since, or will once its
   * agent is heard. To be called from time to time; it begins once the log of each is open.
   */
  async resume(): Promise<void> {
    const { clock, logOf, happened } = this.options;
    const isLate = clock.monotonicMs() - this.#loadedMs >= GIVE_UP_MS;
    const ready: Promise<void>[] = [];
    for (const begun of this.#left) {
      const node = begun.node as NodeId;
      const log = logOf(node);
      if (this.#busy.has(node) || (!log && !isLate)) continue;
      this.#left.delete(begun);
      if (log) {
        this.#busy.add(node);
        ready.push(this.#finish(begun, log));
        continue;
      }
      happened(node, failed(begun, "the console service ended, and there is no such console now"));
      ready.push(this.#forget(begun));
    }
    await Promise.all(ready);
  }

  /** Where that cannot be stored it is not known any more after a restart that comes now. */
  async #begin({ id, node, at_ms, rule, line, position }: Begun): Promise<void> {
    const sql = `INSERT INTO console_captures_begun (id, node, at_ms, rule, line, position)
      VALUES (?, ?, ?, ?, ?, ?)`;
    const params = [id, node, at_ms, rule, line, position];
    try {
      await this.options.storage.write([{ sql, params }]);
    } catch (error) {
      if (reasonOf(error) === undefined) throw error;
    }
  }

  async #finish(begun: Begun, log: ConsoleLog): Promise<void> {
    const { clock, happened } = this.options;
    const { id, rule, line, position } = begun;
    const node = begun.node as NodeId;
    try {
      // A service that stops keeps what there is.
      await clock.sleep(FOLLOW, this.#stopped.signal).catch(() => undefined);
      const bytes = await around(log, position);
      await this.#keep(begun, bytes);
      happened(node, {
        severity: "info",
        kind: "console-capture",
        message: `rule ${rule}: ${bytes.length} bytes around ${JSON.stringify(seemly(line, 200))} are kept`,
        data: { rule, capture: id, bytes: bytes.length },
      });
    } catch (error) {
      const why = reasonOf(error);
      if (why === undefined) throw error;
      this.options.log.warn({ node, rule, err: error }, "a piece of console could not be kept");
      happened(node, failed(begun, why));
      await this.#forget(begun);
    } finally {
      this.#busy.delete(node);
    }
  }

  async #forget({ id }: Begun): Promise<void> {
    try {
      await this.options.storage.write([over(id)]);
    } catch (error) {
      if (reasonOf(error) === undefined) throw error;
    }
  }

  /** Newest first. @throws StorageError */
  async list(nodes: readonly string[] | undefined, limit = MOST_LISTED): Promise<ConsoleCapture[]> {
    if (nodes?.length === 0) return [];
    const where = nodes ? `WHERE node IN (${nodes.map(() => "?").join(", ")})` : "";
    const rows = await this.options.storage.all<Row>(
      `SELECT * FROM console_captures ${where} ORDER BY at_ms DESC, id DESC LIMIT ?`,
      [...(nodes ?? []), Math.min(limit, MOST_LISTED)],
    );
    return rows.map(({ id, node, at_ms, rule, line, bytes }) => ({
      id: id as CommandId,
      node: node as NodeId,
      at: new Date(at_ms).toISOString(),
      rule,
      line,
      bytes,
    }));
  }

  /** The exact bytes; undefined when there is no such capture any more. @throws StorageError, or what the disk says */
  async bytes(id: string): Promise<Buffer | undefined> {
    const row = await this.options.storage.get<Row>("SELECT * FROM console_captures WHERE id = ?", [
      id,
    ]);
    if (!row) return undefined;
    return readFile(this.#path(row.node, row.id)).catch(whenMissing(undefined));
  }

  /**
   * Deletes files that a crash left without a place in the index, and places without a file, and looks what was under
   * way. What the disk does not let it is left for the next start. @throws StorageError
   */
  async settle(): Promise<void> {
    const { storage, directory, log, clock } = this.options;
    this.#loadedMs = clock.monotonicMs();
    const begun = await storage.all<Begun>("SELECT * FROM console_captures_begun ORDER BY id");
    for (const one of begun) this.#left.add(one);
    const rows = await storage.all<Row>("SELECT * FROM console_captures");
    const lost = new Set(rows.map(({ id }) => id));
    try {
      for (const node of await readdir(directory).catch(whenMissing<string[]>([]))) {
        for (const name of await this.#names(node)) {
          if (!lost.delete(name)) await rm(this.#path(node, name), { force: true });
        }
      }
    } catch (error) {
      if (reasonOf(error) === undefined) throw error;
      return log.warn({ err: error }, "captures of consoles could not be looked through");
    }
    if (lost.size > 0) await storage.write([...lost].map(forget));
  }

  stop(): void {
    this.#stopped.abort();
  }

  async #keep(begun: Begun, bytes: Buffer): Promise<void> {
    const { id, node, at_ms: atMs, rule, line } = begun;
    const directory = this.#directory(node);
    await mkdir(directory, { recursive: true, mode: 0o750 });
    const path = this.#path(node, id);
    const part = `${path}.part`;
    const file = await open(part, "wx", 0o640);
    try {
      await file.writeFile(bytes);
      await file.datasync();
    } catch (error) {
      await rm(part, { force: true });
      throw error;
    } finally {
      await file.close();
    }
    await rename(part, path);
    await syncDirectory(directory);
    const gone = await this.#tooMany(node as NodeId);
    await this.options.storage.write([
      {
        sql: `INSERT INTO console_captures (id, node, at_ms, rule, line, bytes)
          VALUES (?, ?, ?, ?, ?, ?)`,
        params: [id, node, atMs, rule, line, bytes.length],
      },
      over(id),
      ...gone.map(({ id: old }) => forget(old)),
    ]);
    for (const old of gone) await rm(this.#path(old.node, old.id), { force: true });
  }

  /** Those that have to go for one more of a node. */
  async #tooMany(node: NodeId): Promise<readonly Row[]> {
    const { storage } = this.options;
    const mine = await storage.all<Row>(
      "SELECT * FROM console_captures WHERE node = ? ORDER BY at_ms DESC, id DESC LIMIT 1000",
      [node],
    );
    const tooOld = mine.slice(MOST_PER_NODE - 1);
    if (tooOld.length > 0) return tooOld;
    const counted = await storage.get<{ n: number }>("SELECT COUNT(*) AS n FROM console_captures");
    if ((counted?.n ?? 0) < MOST) return [];
    return storage.all<Row>("SELECT * FROM console_captures ORDER BY at_ms, id LIMIT 1");
  }

  async #names(node: string): Promise<readonly string[]> {
    return readdir(this.#directory(node)).catch((cause: NodeJS.ErrnoException) => {
      if (cause.code === "ENOENT" || cause.code === "ENOTDIR") return [];
      throw cause;
    });
  }

  #directory(node: string): string {
    return join(this.options.directory, node, "captures");
  }

  #path(node: string, id: string): string {
    return join(this.#directory(node), id);
  }
}

function forget(id: string): Statement {
  return { sql: "DELETE FROM console_captures WHERE id = ?", params: [id] };
}

/** It is under way no more. */
function over(id: string): Statement {
  return { sql: "DELETE FROM console_captures_begun WHERE id = ?", params: [id] };
}

function failed({ rule, line }: Begun, why: string): Happening {
  return {
    severity: "warning",
    kind: "console-capture-failed",
    message: `rule ${rule}: what led to ${JSON.stringify(seemly(line, 200))} could not be kept apart from the log: ${why}`,
    data: { rule },
  };
}

async function around(log: ConsoleLog, position: number): Promise<Buffer> {
  const from = Math.max(log.first, position - BEFORE_BYTES);
  const untilPosition = Math.min(log.next, position + AFTER_BYTES);
  const chunks: Buffer[] = [];
  if (untilPosition <= from) return Buffer.alloc(0);
  for await (const item of log.read({ from: { position: from }, untilPosition })) {
    if (item.kind === "bytes") chunks.push(item.bytes);
  }
  return Buffer.concat(chunks);
}

/** Why the disk or the database did not take it; undefined for a defect. */
function reasonOf(error: unknown): string | undefined {
  if (error instanceof StorageError) return error.message;
  if (!(error instanceof Error) || !("syscall" in error)) return undefined;
  const { code } = error as NodeJS.ErrnoException;
  return code === "ENOSPC" || code === "EDQUOT"
    ? "the disk is full; free space on it"
    : `${code}: look at the disk of the console service`;
}
