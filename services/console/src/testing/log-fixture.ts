import { cp, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { NodeId } from "@outrider/contracts/ids";
import type { StreamItem } from "@outrider/console-link/console-stream";
import { VirtualClock } from "@outrider/testing/virtual-clock";
import type {
  ConsoleLog,
  ConsoleLogs,
  ConsoleLogsOptions,
  LogBounds,
  SearchHit,
  SearchQuery,
} from "../log/console-log.js";
import { openConsoleLogs } from "../log/console-logs.js";
import type { LogItem, LogRange } from "../log/log-format.js";
import type { SearchStatistics } from "../log/search-task.js";

export const NODE = "n1" as NodeId;
export const WIDE: LogBounds = { maxBytes: 2 ** 30, maxAgeMs: 90 * 86_400_000 };
export const START_MICROS = Date.parse("2026-01-01T00:00:00Z") * 1000;

/** What tests may ask of logs beside what everybody may. */
export interface TestedLogs extends ConsoleLogs {
  settle(): Promise<void>;
  search(
    query: SearchQuery,
    onDone?: (statistics: SearchStatistics | undefined) => void,
  ): AsyncIterable<SearchHit>;
}

/** Logs in a directory of their own, closed and deleted at the end. */
export class LogFixture implements AsyncDisposable {
  readonly clock = new VirtualClock();
  readonly reports: string[] = [];
  readonly #opened = new Set<ConsoleLogs>();
  readonly #copies: string[] = [];

  private constructor(readonly directory: string) {}

  static async make(): Promise<LogFixture> {
    return new LogFixture(await mkdtemp(join(tmpdir(), "console-log-")));
  }

  async open(options: Partial<ConsoleLogsOptions> = {}): Promise<TestedLogs> {
    const logs = (await openConsoleLogs({
      directory: this.directory,
      clock: this.clock,
      keepFreeBytes: 0,
      report: (problem) => this.reports.push(problem),
      ...options,
    })) as TestedLogs;
    this.#opened.add(logs);
    return logs;
  }

  async close(logs: ConsoleLogs): Promise<void> {
    this.#opened.delete(logs);
    await logs[Symbol.asyncDispose]();
  }

  /** A directory with what the files hold now, which is what a process that is killed now leaves. Deleted at the end. */
  async copy(): Promise<string> {
    const copy = await mkdtemp(join(tmpdir(), "console-log-"));
    this.#copies.push(copy);
    await cp(this.directory, copy, { recursive: true });
    return copy;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const logs of this.#opened) await logs[Symbol.asyncDispose]();
    for (const directory of [this.directory, ...this.#copies]) {
      await rm(directory, { recursive: true, force: true });
    }
  }
}

export function bytesAt(offset: number, atMicros: number, content: string | Buffer): StreamItem {
  return { kind: "bytes", offset, atMicros, bytes: Buffer.from(content as string) };
}

export async function itemsOf(
  log: ConsoleLog,
  range: LogRange = { from: { position: 0 } },
): Promise<LogItem[]> {
  const items: LogItem[] = [];
  for await (const item of log.read(range)) items.push(item);
  return items;
}

/** The exact bytes, as Latin 1. */
export async function contentOf(log: ConsoleLog, range?: LogRange): Promise<string> {
  return joined(await itemsOf(log, range)).toString("latin1");
}

export function joined(items: readonly LogItem[]): Buffer {
  return Buffer.concat(items.flatMap((item) => (item.kind === "bytes" ? [item.bytes] : [])));
}

/** Takes text into a log that has all that came before. */
export class Feeder {
  offset = 0;
  micros = START_MICROS;

  constructor(
    readonly log: ConsoleLog,
    readonly stream = "s",
  ) {}

  feed(content: string | Buffer, everyMicros = 1000): void {
    this.micros += everyMicros;
    const item = bytesAt(this.offset, this.micros, content);
    this.log.take(this.stream, [item]);
    this.offset += item.kind === "bytes" ? item.bytes.length : 0;
  }
}
