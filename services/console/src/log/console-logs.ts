import { rm, statfs } from "node:fs/promises";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { milliseconds, minutes, seconds, type Duration } from "@outrider/contracts/clock";
import type { NodeId } from "@outrider/contracts/ids";
import type {
  ConsoleLog,
  ConsoleLogs,
  ConsoleLogsOptions,
  LogBounds,
  SearchHit,
  SearchQuery,
} from "./console-log.js";
import { NodeLog, type LogHost } from "./node-log.js";
import { trimAll, trimLog } from "./retention.js";
import { Sealer } from "./sealer.js";
import type { SearchStatistics } from "./search-task.js";
import { searchLogs } from "./search.js";
import { makeDirectory } from "./sync-directory.js";
import { WorkerPool } from "./worker-pool.js";

/** What has gathered is written so often, and synced so often, while there is something. */
const WRITE_EVERY_MS = 100;
/** In turns, a share of the logs in each: all of them in one would hold up whoever types just then. */
const SHARES = 10;
const TURN_EVERY = milliseconds(WRITE_EVERY_MS / SHARES);
const SYNC_EVERY_MS = 1000;
/** How many logs are synced at a time: the threads that do it also serve everybody else's files. */
const SYNCS_AT_ONCE = 2;
const SPACE_EVERY_MS = 5000;
/** At the end, what a disk does not take within this time is left to the sources, which still have it. */
const CLOSE_WITHIN = seconds(10);

const GIB = 1024 ** 3;
const DEFAULT_TOTAL_BYTES = 20 * GIB;
const DEFAULT_FREE_BYTES = GIB / 4;

/** Opens the logs of all consoles in a directory. */
export async function openConsoleLogs(options: ConsoleLogsOptions): Promise<ConsoleLogs> {
  await makeDirectory(options.directory);
  const disk = await statfs(options.directory);
  const size = disk.blocks * disk.bsize;
  return new AllLogs(
    options,
    options.maxTotalBytes ?? Math.min(DEFAULT_TOTAL_BYTES, size / 2),
    options.keepFreeBytes ?? Math.min(DEFAULT_FREE_BYTES, size / 20),
  );
}

class AllLogs implements ConsoleLogs, LogHost {
  readonly logs = new Map<NodeId, NodeLog>();
  readonly #opening = new Map<NodeId, Promise<NodeLog>>();
  readonly #onStored = new Set<(log: ConsoleLog) => void>();
  readonly #onProblem = new Set<(log: ConsoleLog) => void>();
  readonly #searchers = new WorkerPool(Math.max(1, Math.min(2, availableParallelism() - 1)));
  readonly #sealers = new WorkerPool(1);
  readonly #sealer: Sealer;
  readonly #reported = new Map<string, number>();
  readonly #stopMinutes: () => void;
  #stopTicks: (() => void) | undefined;
  #turn = 0;
  #syncing: Promise<void> | undefined;
  #syncedAtMs = Number.NEGATIVE_INFINITY;
  #spaceAtMs = Number.NEGATIVE_INFINITY;
  #refusal: string | undefined;
  #closing = false;

  constructor(
    readonly options: ConsoleLogsOptions,
    readonly maxTotalBytes: number,
    readonly keepFreeBytes: number,
  ) {
    this.#sealer = new Sealer(this.#sealers, {
      monotonicMs: () => this.clock.monotonicMs(),
      report: (problem) => this.report(problem),
      sealed: (log) => this.#background(trimLog(log, this).then(() => this.#trimAll())),
    });
    this.#stopMinutes = this.clock.every(minutes(1), () => this.#background(this.#everyMinute()));
  }

  get clock(): ConsoleLogsOptions["clock"] {
    return this.options.clock;
  }

  get refusal(): string | undefined {
    return this.#refusal;
  }

  get nowMs(): number {
    return this.clock.now().getTime();
  }

  isBusy(segment: unknown): boolean {
    return this.#sealer.isSealing(segment);
  }

  async open(node: NodeId, bounds: LogBounds): Promise<ConsoleLog> {
    const known = this.logs.get(node);
    if (known) {
      known.setBounds(bounds);
      return known;
    }
    let opening = this.#opening.get(node);
    if (!opening) {
      opening = NodeLog.open(this.options.directory, node, bounds, this).finally(() =>
        this.#opening.delete(node),
      );
      this.#opening.set(node, opening);
    }
    const log = await opening;
    this.logs.set(node, log);
    this.wake(log);
    return log;
  }

  async close(node: NodeId): Promise<void> {
    const log = this.logs.get(node);
    if (!log) return;
    await log.disk.sync(true);
    await log.pastSources.kept();
    this.logs.delete(node);
    await this.#sealer.whenIdle(log);
    for (const raw of log.raws) await raw.close();
  }

  async remove(node: NodeId): Promise<void> {
    await this.close(node);
    await rm(join(this.options.directory, node), { recursive: true, force: true });
  }

  async flush(): Promise<void> {
    await this.#syncing;
    await this.#syncAll([...this.logs.values()], true);
  }

  onStored(callback: (log: ConsoleLog) => void): Disposable {
    return subscribe(this.#onStored, callback);
  }

  onProblem(callback: (log: ConsoleLog) => void): Disposable {
    return subscribe(this.#onProblem, callback);
  }

  search(
    query: SearchQuery,
    onDone?: (statistics: SearchStatistics | undefined) => void,
  ): AsyncIterable<SearchHit> {
    const logs = [...this.logs.values()].filter((log) => query.nodes?.includes(log.node) ?? true);
    return searchLogs(logs, query, this.#searchers, onDone);
  }

  /** Resolves when all segments that can be are sealed and what is too much is dropped. */
  async settle(): Promise<void> {
    await this.flush();
    await this.#sealer.seal(() => this.logs.values());
    for (const log of this.logs.values()) await trimLog(log, this);
    await this.#trimAll();
  }

  report(problem: string): void {
    const nowMs = this.clock.monotonicMs();
    const last = this.#reported.get(problem);
    if (last !== undefined && nowMs - last < 60_000) return;
    if (this.#reported.size > 1000) this.#reported.clear();
    this.#reported.set(problem, nowMs);
    this.options.report?.(problem);
  }

  wake(_log: NodeLog): void {
    if (this.#closing) return;
    this.#stopTicks ??= this.clock.every(TURN_EVERY, () => this.#tick());
  }

  stored(log: NodeLog): void {
    for (const callback of this.#onStored) callback(log);
  }

  problemChanged(log: NodeLog): void {
    for (const callback of this.#onProblem) callback(log);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing = true;
    this.#stopMinutes();
    this.#stopTicks?.();
    await this.#within(CLOSE_WITHIN, this.flush());
    await this.#searchers[Symbol.asyncDispose]();
    await this.#sealers[Symbol.asyncDispose]();
    for (const log of this.logs.values()) {
      await this.#within(CLOSE_WITHIN, log.pastSources.kept());
      for (const raw of log.raws) await this.#within(CLOSE_WITHIN, raw.close());
    }
    this.logs.clear();
  }

  /** Waits for a disk, but not for one that does not answer. */
  async #within(span: Duration, work: Promise<void>): Promise<void> {
    const done = new AbortController();
    const late = this.clock.sleep(span, done.signal).catch(() => undefined);
    await Promise.race([work.finally(() => done.abort()), late]);
  }

  #tick(): void {
    const dirty = [...this.logs.values()].filter((log) => log.disk.isDirty);
    if (dirty.length === 0) {
      this.#stopTicks?.();
      this.#stopTicks = undefined;
      return;
    }
    const nowMs = this.clock.monotonicMs();
    if (nowMs - this.#spaceAtMs >= SPACE_EVERY_MS) this.#background(this.#lookForSpace());
    this.#turn = (this.#turn + 1) % SHARES;
    let index = 0;
    for (const log of this.logs.values()) {
      index += 1;
      if (index % SHARES !== this.#turn || !log.disk.isDirty) continue;
      log.disk.checkStall();
      this.#background(log.disk.write());
    }
    if (this.#syncing || nowMs - this.#syncedAtMs < SYNC_EVERY_MS) return;
    this.#syncedAtMs = nowMs;
    this.#syncing = this.#syncAll(dirty, false).finally(() => (this.#syncing = undefined));
    this.#background(this.#syncing.then(() => this.#sealer.seal(() => this.logs.values())));
  }

  async #syncAll(logs: readonly NodeLog[], urgent: boolean): Promise<void> {
    const queue = [...logs];
    const work = async (): Promise<void> => {
      for (let log = queue.shift(); log; log = queue.shift()) await log.disk.sync(urgent);
    };
    await Promise.all(Array.from({ length: SYNCS_AT_ONCE }, work));
  }

  async #everyMinute(): Promise<void> {
    for (const log of this.logs.values()) {
      log.rotateIfOld();
      await trimLog(log, this);
      if (log.disk.isDirty) this.wake(log);
    }
    await this.#sealer.seal(() => this.logs.values());
    await this.#trimAll();
  }

  async #trimAll(): Promise<void> {
    await trimAll([...this.logs.values()], this);
  }

  async #lookForSpace(): Promise<void> {
    this.#spaceAtMs = this.clock.monotonicMs();
    const { bavail, bsize } = await statfs(this.options.directory);
    const free = bavail * bsize;
    this.#refusal =
      free < this.keepFreeBytes
        ? `The disk has ${mebibytes(free)} MiB free; console logs are not written below ${mebibytes(this.keepFreeBytes)} MiB. Free space on it, or lower OUTRIDER_CONSOLE_LOG_BYTES.`
        : undefined;
  }

  /** What nobody waits for; that it fails is told. */
  #background(work: Promise<unknown>): void {
    work.catch((cause: unknown) => {
      if (!this.#closing) this.report(`Console logs: ${(cause as Error).message}`);
    });
  }
}

const mebibytes = (bytes: number): number => Math.floor(bytes / 1024 ** 2);

function subscribe<T>(callbacks: Set<T>, callback: T): Disposable {
  callbacks.add(callback);
  return { [Symbol.dispose]: () => callbacks.delete(callback) };
}
