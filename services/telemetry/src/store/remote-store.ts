import { promisify } from "node:util";
import { gzip } from "node:zlib";
import { milliseconds } from "@outrider/contracts/clock";
import type { Backend } from "./backend.js";
import { lineOf } from "./line-protocol.js";
import { PointGate } from "./point-gate.js";
import { refusalDetail } from "./refusal-detail.js";
import { Sender } from "./sender.js";
import { SeriesRegistry } from "./series-registry.js";
import type { SpoolRecord } from "./spool/record.js";
import type { Spool } from "./spool/spool.js";
import { DEFAULT_SERIES, type StoreConfig, type StoreDeps } from "./store-config.js";
import {
  StoreError,
  WRITE_LIMIT,
  type Point,
  type RangeQuery,
  type Series,
  type Store,
  type StoreHealth,
  type StoreTraits,
  type TextPoint,
  type TextQuery,
} from "./store.js";

const compress = promisify(gzip);

/** What comes within this time is one record, one flush and one request. */
const GATHER = milliseconds(100);
/** So many do not wait. */
const GROUP_POINTS = 5000;
/** In memory, on the way to the disk. */
const PENDING_POINTS = 200_000;

class Group {
  readonly lines: string[] = [];
  readonly minutes = new Set<number>();
  readonly done = Promise.withResolvers<void>();
  readonly isLarge = Promise.withResolvers<void>();
  points = 0;
  hasTexts = false;

  constructor() {
    // Whoever waits is told; a group for which nobody waits any more is no defect.
    this.done.promise.catch(() => undefined);
  }

  async record(): Promise<SpoolRecord> {
    const payload = await compress(this.lines.join(""), { level: 1 });
    const minutes = Uint32Array.from(this.minutes).toSorted();
    return { payload, points: this.points, minutes, hasTexts: this.hasTexts };
  }
}

/** Keeps values in a database on the network, with a spool on the disk in front of it. */
export class RemoteStore implements Store {
  readonly #registry: SeriesRegistry;
  readonly #gate: PointGate;
  readonly #sender: Sender;
  #groups: Group[] = [];
  #pendingPoints = 0;
  #writing: Promise<void> | undefined;
  #spoolProblem: string | undefined;
  #closed = false;

  constructor(
    config: StoreConfig,
    private readonly deps: StoreDeps,
    private readonly spool: Spool,
    private readonly backend: Backend,
  ) {
    const limit = config.maximumSeries ?? DEFAULT_SERIES;
    this.#registry = new SeriesRegistry(limit, deps.clock);
    this.#gate = new PointGate(this.#registry);
    this.#sender = new Sender(spool, backend, deps.clock, deps.log);
  }

  get traits(): StoreTraits {
    return this.backend.traits;
  }

  async write(points: readonly Point[]): Promise<void> {
    if (this.#closed) throw new StoreError("refused", "The store is closed.");
    if (points.length > WRITE_LIMIT) {
      throw new StoreError("refused", `At most ${WRITE_LIMIT} points can be written at once.`);
    }
    if (this.#pendingPoints > PENDING_POINTS) {
      throw new StoreError("full", "The disk with the spool takes too long. Look at the disk.");
    }
    const groups = new Set([this.#openGroup()]);
    for (const point of points) {
      const group = this.#openGroup();
      groups.add(group);
      this.#take(point, group);
      if (group.points >= GROUP_POINTS) group.isLarge.resolve();
    }
    this.#writing ??= this.#writeGroups().finally(() => (this.#writing = undefined));
    await Promise.all([...groups].map(({ done }) => done.promise));
  }

  range(query: RangeQuery, signal: AbortSignal): Promise<readonly Series[]> {
    return this.backend.range(query, signal);
  }

  texts(query: TextQuery, signal: AbortSignal): Promise<readonly TextPoint[]> {
    return this.backend.texts(query, signal);
  }

  health(): StoreHealth {
    const detail =
      this.#spoolProblem ??
      this.#sender.problem ??
      this.backend.notice ??
      refusalDetail(this.#gate, this.#registry);
    return {
      state: detail === undefined ? "ok" : "degraded",
      ...(detail === undefined ? {} : { detail }),
      spooledPoints: this.spool.points,
      spooledBytes: this.spool.bytes,
      droppedPoints: this.spool.dropped + this.#sender.refused,
      refusedPoints: this.#gate.refused,
      series: this.#registry.size,
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    await this.#writing;
    await this.#sender.close();
    await this.backend[Symbol.asyncDispose]();
    await this.spool.close();
    this.#registry[Symbol.dispose]();
  }

  #openGroup(): Group {
    const last = this.#groups.at(-1);
    if (last && last.points < GROUP_POINTS) return last;
    const group = new Group();
    this.#groups.push(group);
    return group;
  }

  #take(point: Point, group: Group): void {
    const admitted = this.#gate.admit(point);
    if (!admitted) return;
    const { key, fields, atMs, text } = admitted;
    const values = fields.map(({ name, value }) => [name, value] as const);
    group.lines.push(lineOf(key, values, atMs, text));
    group.minutes.add(Math.floor(atMs / 60_000));
    group.points += 1;
    group.hasTexts ||= text !== undefined;
    this.#pendingPoints += 1;
  }

  async #writeGroups(): Promise<void> {
    for (let group = this.#groups[0]; group; group = this.#groups[0]) {
      if (!this.#closed && group.points < GROUP_POINTS) {
        await Promise.race([this.deps.clock.sleep(GATHER), group.isLarge.promise]);
      }
      this.#groups.shift();
      await this.#writeGroup(group);
      this.#pendingPoints -= group.points;
    }
  }

  async #writeGroup(group: Group): Promise<void> {
    try {
      if (group.points > 0) await this.#keep(await group.record());
      this.#spoolProblem = undefined;
      group.done.resolve();
    } catch (error) {
      this.#spoolProblem = (error as Error).message;
      group.done.reject(error);
    }
  }

  /** In the spool; where that takes nothing and nothing waits in it, in the database itself. */
  async #keep(record: SpoolRecord): Promise<void> {
    try {
      await this.spool.append(record);
    } catch (error) {
      if (this.spool.points > 0) throw error;
      const delivery = { records: [record], points: record.points };
      const signal = AbortSignal.timeout(10_000);
      const { refused } = await this.backend.deliver(delivery, signal).catch(() => {
        throw error;
      });
      this.#sender.refused += refused;
    }
    this.#sender.wake();
  }
}
