import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { minutes } from "@outrider/contracts/clock";
import { checkAmount, tooMuch } from "../buckets.js";
import { readSeriesKey } from "../line-protocol.js";
import { PointGate } from "../point-gate.js";
import { refusalDetail } from "../refusal-detail.js";
import { SeriesRegistry } from "../series-registry.js";
import {
  DEFAULT_EMBEDDED_BYTES,
  DEFAULT_SERIES,
  EMBEDDED_RETENTION,
  type Retention,
  type StoreConfig,
  type StoreDeps,
} from "../store-config.js";
import {
  BUCKET_LIMIT,
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
} from "../store.js";
import { Catalogue } from "./catalogue.js";
import type {
  KeptSeriesRow,
  ReadReply,
  ReadRequest,
  SeriesRow,
  TextRow,
  WriteReply,
  WriteRequest,
  WriterOptions,
} from "./protocol.js";
import { unpack } from "./range-reader.js";
import { HOURS, newColumns, SERIES_IDS } from "./tables.js";
import { Thread } from "./thread.js";

/** The file of the embedded store in its folder. */
export const EMBEDDED_FILE = "telemetry.db";

const TIDY_EVERY = minutes(1);
const FORGET_EVERY = minutes(10);
const FORGOTTEN_AT_ONCE = 50;
/** Series that are known, of which something may be kept, for each that may be written within a day. */
const KNOWN_PER_PLACE = 4;
const DAY_MS = 86_400_000;
/** Points that one commit takes at most, so that nobody waits for long. */
const GROUP_POINTS = 50_000;

/** What was written is in its minutes by then. */
const SEALED_WITHIN_MS = 2 * 3_600_000;

interface Group {
  readonly at: number[];
  readonly values: number[];
  readonly ids: number[];
  readonly texts: TextRow[];
  readonly done: PromiseWithResolvers<void>;
}

type Writing = Thread<WriteRequest, WriteReply>;
type Reading = Thread<ReadRequest, ReadReply>;

/**
 * Keeps values in an SQLite file of its own. One thread writes and one reads, so that no query delays writing; what is
 * written while a commit is under way shares the next one.
 */
export class EmbeddedStore implements Store {
  readonly traits: StoreTraits = {
    kind: "embedded",
    keepsTexts: true,
    lastWriteWins: true,
    rollsUp: true,
  };
  readonly #registry: SeriesRegistry;
  readonly #gate: PointGate;
  readonly #catalogue = new Catalogue();
  readonly #stopTidying: () => void;
  /** How late points may come. */
  readonly #lateMs: number;
  /** Got an id, and are not known to be in the file. */
  #newSeries: SeriesRow[] = [];
  /** Ids of series that are known no more and still in the file. */
  readonly #leaving: number[] = [];
  #forgetting: Promise<void> | undefined;
  #groups: Group[] = [];
  #writing: Promise<void> | undefined;
  #problem: string | undefined;
  /** Points that came so late that nobody could tell any more whether they are there. */
  #tooLate = 0;
  #closed = false;

  private constructor(
    config: StoreConfig,
    private readonly deps: StoreDeps,
    private readonly writer: Writing,
    private readonly reader: Reading,
    series: readonly KeptSeriesRow[],
    retention: Retention,
  ) {
    const limit = config.maximumSeries ?? DEFAULT_SERIES;
    this.#lateMs = retention.minutesMs - SEALED_WITHIN_MS;
    this.#registry = new SeriesRegistry(limit, deps.clock, {
      lastId: SERIES_IDS - 1,
      most: Math.min(SERIES_IDS - 1, KNOWN_PER_PLACE * limit),
      keptMs: retention.hoursMs + HOURS.blockMs,
    });
    this.#gate = new PointGate(this.#registry);
    const nowMs = deps.clock.now().getTime();
    for (const [id, key, field, first, last] of series) {
      // It is not known when on these days.
      const [bornAgeMs, seenAgeMs] = [nowMs - first * DAY_MS, nowMs - (last + 1) * DAY_MS];
      this.#registry.restore({ id, key, field }, { bornAgeMs, seenAgeMs: Math.max(0, seenAgeMs) });
      this.#catalogue.add(id, key, field);
    }
    const stopTidying = deps.clock.every(TIDY_EVERY, () => void this.#tidy(false));
    const stopForgetting = deps.clock.every(FORGET_EVERY, () => this.forgetOld());
    this.#stopTidying = () => {
      stopTidying();
      stopForgetting();
    };
  }

  /** @throws Error when the file cannot be opened */
  static async open(config: StoreConfig, deps: StoreDeps): Promise<EmbeddedStore> {
    await mkdir(config.directory, { recursive: true, mode: 0o750 });
    const options: WriterOptions = {
      file: join(config.directory, EMBEDDED_FILE),
      maximumBytes: config.embeddedBytes ?? DEFAULT_EMBEDDED_BYTES,
      retention: { ...EMBEDDED_RETENTION, ...config.retention },
      nowMs: deps.clock.now().getTime(),
    };
    const writer: Writing = new Thread(new URL("writer-thread.js", import.meta.url), options);
    const opened = await writer.opened;
    if (opened.kind !== "opened") {
      const why = opened.kind === "failed" ? opened.message : opened.kind;
      throw new Error(`the telemetry database ${options.file} cannot be opened: ${why}`);
    }
    if (opened.moved !== undefined) {
      const message = "the telemetry database was damaged; it was put aside and begun anew";
      deps.log.error({ file: options.file, putAside: opened.moved }, message);
    }
    const reader: Reading = new Thread(new URL("reader-thread.js", import.meta.url), options);
    await reader.opened;
    return new EmbeddedStore(config, deps, writer, reader, opened.series, options.retention);
  }

  async write(points: readonly Point[]): Promise<void> {
    if (this.#closed) throw new StoreError("refused", "The store is closed.");
    if (points.length > WRITE_LIMIT) {
      throw new StoreError("refused", `At most ${WRITE_LIMIT} points can be written at once.`);
    }
    const group = this.#openGroup();
    for (const point of points) this.#take(point, group);
    this.#writing ??= this.#writeGroups().finally(() => (this.#writing = undefined));
    await group.done.promise;
  }

  async range(query: RangeQuery, signal: AbortSignal): Promise<readonly Series[]> {
    signal.throwIfAborted();
    const found = this.#catalogue.find(query);
    const limit = query.limit ?? BUCKET_LIMIT;
    checkAmount(query, found.length, limit);
    const ids = Uint32Array.from(found, ({ id }) => id);
    const { fromMs, toMs, everyMs } = query;
    const reply = await this.#read(
      (cancelled) => ({ kind: "range", ids, fromMs, toMs, everyMs, limit, cancelled }),
      signal,
    );
    if (reply.kind === "too-much") throw tooMuch(query, found.length, limit);
    if (reply.kind !== "series") throw this.#unreadable(reply);
    return found.flatMap(({ measurement, tags, field }, index) => {
      const buckets = unpack(reply.series[index] ?? new Float64Array());
      return buckets.length === 0 ? [] : [{ measurement, tags, field, buckets }];
    });
  }

  async texts(query: TextQuery, signal: AbortSignal): Promise<readonly TextPoint[]> {
    signal.throwIfAborted();
    const { tags = {} } = query;
    const reply = await this.#read(
      (cancelled) => ({ ...query, kind: "texts", tags, cancelled }),
      signal,
    );
    if (reply.kind !== "texts") throw this.#unreadable(reply);
    return reply.texts.map(([atMs, key, text]) => ({ atMs, tags: readSeriesKey(key).tags, text }));
  }

  health(): StoreHealth {
    const detail = this.#problem ?? refusalDetail(this.#gate, this.#registry);
    return {
      state: detail === undefined ? "ok" : "degraded",
      ...(detail === undefined ? {} : { detail }),
      spooledPoints: 0,
      spooledBytes: 0,
      droppedPoints: this.#tooLate,
      latePoints: this.#tooLate,
      refusedPoints: this.#gate.refused,
      series: this.#registry.size,
    };
  }

  /** Brings everything into its final form, as is done once an hour. For tests and benches. */
  async sealAll(): Promise<void> {
    await this.#tidy(true);
  }

  /** Removes series that hold no place and of which nothing is left, or too many are known. Done every ten minutes. */
  forgetOld(): Promise<void> {
    this.#forgetting ??= this.#forgetAll().finally(() => (this.#forgetting = undefined));
    return this.#forgetting;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#stopTidying();
    this.#registry[Symbol.dispose]();
    await this.#writing;
    await this.#forgetting;
    await this.reader.close({ kind: "close" });
    await this.writer.close({ kind: "close" });
  }

  async #forgetAll(): Promise<void> {
    for (const { id, key, field } of this.#registry.forget()) {
      this.#catalogue.remove(key, field);
      this.#leaving.push(id);
    }
    while (this.#leaving.length > 0 && !this.#closed) {
      // So few that nobody who writes waits for long.
      const ids = this.#leaving.slice(0, FORGOTTEN_AT_ONCE);
      const reply = await this.writer
        .ask({ kind: "forget", ids })
        .catch((error: Error) => ({ kind: "failed", message: error.message }) as const);
      this.#tooLate += tooLateOf(reply);
      if (reply.kind === "failed") {
        const message = "series that are gone could not be removed from the telemetry database";
        return this.deps.log.warn({ cause: reply.message }, message);
      }
      this.#leaving.splice(0, ids.length);
      this.#registry.release(ids);
    }
  }

  #openGroup(): Group {
    const last = this.#groups.at(-1);
    if (last && last.at.length < GROUP_POINTS) return last;
    const done = Promise.withResolvers<void>();
    // Whoever waits is told; a group for which nobody waits any more is no defect.
    done.promise.catch(() => undefined);
    const group: Group = { at: [], values: [], ids: [], texts: [], done };
    this.#groups.push(group);
    return group;
  }

  #take(point: Point, group: Group): void {
    const admitted = this.#gate.admit(point, (id, key, field) => {
      this.#newSeries.push([id, key, field]);
      this.#catalogue.add(id, key, field);
    });
    if (!admitted) return;
    if (admitted.atMs < this.deps.clock.now().getTime() - this.#lateMs) {
      this.#tooLate += 1;
      return;
    }
    for (const { value, series } of admitted.fields) {
      group.at.push(admitted.atMs);
      group.values.push(value);
      group.ids.push(series.id);
    }
    if (admitted.text !== undefined) {
      group.texts.push([admitted.atMs, admitted.key, admitted.text]);
    }
  }

  async #writeGroups(): Promise<void> {
    // What is written in the same turn of the event loop comes along.
    await Promise.resolve();
    for (let group = this.#groups.shift(); group; group = this.#groups.shift()) {
      try {
        await this.#writeGroup(group);
        group.done.resolve();
      } catch (error) {
        group.done.reject(error);
      }
    }
  }

  async #writeGroup(group: Group): Promise<void> {
    const { length } = group.at;
    const series = this.#newSeries;
    if (length === 0 && group.texts.length === 0 && series.length === 0) return;
    this.#newSeries = [];
    const points = newColumns(length);
    points.at.set(group.at);
    points.values.set(group.values);
    points.ids.set(group.ids);
    const nowMs = this.deps.clock.now().getTime();
    const request: WriteRequest = { kind: "write", nowMs, series, points, texts: group.texts };
    const buffers = [points.at, points.values, points.ids].map(({ buffer }) => buffer);
    const reply = await this.writer
      .ask(request, buffers as ArrayBuffer[])
      .catch(
        (error: Error) => ({ kind: "failed", isFull: false, message: error.message }) as const,
      );
    this.#tooLate += tooLateOf(reply);
    if (reply.kind !== "failed") {
      this.#setProblem(undefined);
      return;
    }
    this.#newSeries = [...series, ...this.#newSeries];
    const message = reply.isFull
      ? "The disk, or the telemetry database, is full: values are not kept. Free space, or give the database more bytes."
      : `The telemetry database cannot be written: ${reply.message}. Look at the disk.`;
    this.#setProblem(message);
    throw new StoreError("full", message);
  }

  #setProblem(problem: string | undefined): void {
    if (problem === this.#problem) return;
    this.#problem = problem;
    if (problem === undefined) this.deps.log.info({}, "the telemetry database is written again");
    else this.deps.log.error({ problem }, "the telemetry database cannot be written");
  }

  async #tidy(sealAll: boolean): Promise<void> {
    const nowMs = this.deps.clock.now().getTime();
    const reply = await this.writer
      .ask({ kind: "tidy", nowMs, sealAll })
      .catch((error: Error) => ({ kind: "failed", message: error.message }) as const);
    this.#tooLate += tooLateOf(reply);
    if (reply.kind === "failed" && !this.#closed) {
      const message = "old values of the telemetry database could not be put in order";
      this.deps.log.warn({ cause: reply.message }, message);
    }
  }

  async #read(
    request: (cancelled: SharedArrayBuffer) => ReadRequest,
    signal: AbortSignal,
  ): Promise<ReadReply> {
    if (this.#closed) throw new StoreError("unavailable", "The store is closed.");
    const cancelled = new SharedArrayBuffer(4);
    const cancel = (): void => void Atomics.store(new Int32Array(cancelled), 0, 1);
    signal.addEventListener("abort", cancel, { once: true });
    try {
      const reply = await this.reader.ask(request(cancelled));
      signal.throwIfAborted();
      return reply;
    } finally {
      signal.removeEventListener("abort", cancel);
    }
  }

  #unreadable(reply: ReadReply): StoreError {
    const why = reply.kind === "failed" ? reply.message : reply.kind;
    return new StoreError("unavailable", `The telemetry database cannot be read: ${why}.`);
  }
}

function tooLateOf(reply: Pick<WriteReply, "kind"> & { readonly tooLate?: number }): number {
  return reply.tooLate ?? 0;
}
