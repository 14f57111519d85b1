import type { ConsoleStage } from "@outrider/contracts/console";
import type { Clock } from "@outrider/contracts/clock";
import type { NodeId } from "@outrider/contracts/ids";
import type { StreamItem } from "@outrider/console-link/console-stream";
import type { Boot, LogItem, LogRange, LogStart } from "./log-format.js";

/** What the log of consoles offers the rest of the service. {@link openConsoleLogs} of `console-logs.ts` opens it. */

/** Where in a source the log is: the next byte that it wants. */
export interface SourcePosition {
  /** Which numbering: `StreamSource.stream`. */
  readonly stream: string;
  readonly offset: number;
}

/** How much one node's log keeps. */
export interface LogBounds {
  /** On disk, compressed as it lies there. */
  readonly maxBytes: number;
  readonly maxAgeMs: number;
}

export interface ConsoleLogsOptions {
  /** `<OUTRIDER_DATA>/console`; made if it is not there. Each node has a directory of its own in it. */
  readonly directory: string;
  readonly clock: Clock;
  /** Over all nodes, on disk. @default 20 GiB, or half of the disk if that is less */
  readonly maxTotalBytes?: number | undefined;
  /** The log stops when the disk has less free than this. @default 256 MiB, or a twentieth of the disk if that is less */
  readonly keepFreeBytes?: number | undefined;
  /**
   * Something that no console could report by itself: a seal that failed, a worker that died. At most once a minute
   * for the same text.
   */
  readonly report?: ((problem: string) => void) | undefined;
}

/** One line of the cleaned text: what a person would have read. */
export interface TextLine {
  /** From 1 through the life of the log. A line too long for one goes on in further ones of the same number. */
  readonly line: number;
  /** Of its first byte. */
  readonly position: number;
  readonly atMicros: number;
  /** When it last went on after a pause of more than a second; missing where it came in one go. */
  readonly wentOnMicros?: number;
  readonly text: string;
  /** Whether a line feed ended it; false for the last one while it grows, and for pieces of a line too long. */
  readonly ended: boolean;
}

export type TextItem = ({ readonly kind: "line" } & TextLine) | Exclude<LogItem, { kind: "bytes" }>;

export const EXPORT_FORMATS = ["raw", "text", "jsonl"] as const;
/**
 * `raw`: the exact bytes, nothing else. `text`: a time and the cleaned text on each line, gaps and marks in brackets.
 * `jsonl`: a JSON object on each line: `{at, line, position, text}`, `{gap: …}`, `{mark: …}`.
 */
export type ExportFormat = (typeof EXPORT_FORMATS)[number];

export interface ReadOptions {
  /** At the end waits for what comes, until the signal is aborted. @default false */
  readonly follow?: boolean | undefined;
  /** Ends the reading without an error. */
  readonly signal?: AbortSignal | undefined;
}

/** The log of one node's console. */
export interface ConsoleLog {
  readonly node: NodeId;
  /** Position of the oldest byte that is kept, and that which the next byte will have. */
  readonly first: number;
  readonly next: number;
  /** Number of the line that the next byte belongs to, from 1. */
  readonly line: number;
  /** Time of the last byte, if there ever was one. */
  readonly lastMicros: number | undefined;
  /** Bytes of this node on the disk. */
  readonly bytesOnDisk: number;
  /** Bytes known to be missing: the sum of the sizes of all gaps since the log began. */
  readonly lostBytes: number;
  /** Set while it cannot be written, with what to do. */
  readonly problem: string | undefined;
  /** What is durable, and may be acknowledged to the source. Never goes back within a stream. */
  readonly stored: SourcePosition | undefined;
  /** From where the source is to be read: after the last byte taken. */
  readonly source: SourcePosition | undefined;
  /**
   * Calls back when the disk takes again what was left out while it took nothing: the source is to be read again from
   * {@link source}, and all that came after that is left out until then. What it has no more is a gap. Without a callback
   * all that was left out is one.
   */
  onBehind(callback: () => void): void;
  /** From where this source is to be read: also one that the console was on before. Undefined: from its beginning. */
  sourceOf(stream: string): number | undefined;
  /** Oldest first; the last one goes on until the log's end. */
  readonly boots: readonly Boot[];

  setBounds(bounds: LogBounds): void;

  /**
   * Takes what came from a source, in order, drops what it has already (also after a crash), and says what was new, with
   * its positions. Returns at once; what it returns is readable at once. Never throws for the disk's sake: while that
   * takes nothing, bytes that no longer fit into memory are counted, and are a gap `log-failed` in the log.
   * @param shiftMicros added to the agent's times
   */
  take(stream: string, items: readonly StreamItem[], shiftMicros?: number): readonly LogItem[];
  /** False while more is taken than the disk writes: whoever reads a source ought to pause until {@link hasRoom}. */
  readonly room: boolean;
  /** Resolves when there is room; at once while the disk is failing, because nothing is won by waiting then. */
  hasRoom(signal?: AbortSignal): Promise<void>;

  /** Notes something that happened at the console. */
  mark(text: string, atMicros: number): LogItem;
  /** Begins a chapter. @returns its number */
  beginBoot(at: { position: number; line: number; atMicros: number }): number;
  /** The present boot has come so far. Begins none. */
  reachStage(stage: ConsoleStage, atMicros: number): void;

  /** What is kept of a range, oldest first. What is dropped while it is read is left out. */
  read(range: LogRange, options?: ReadOptions): AsyncIterable<LogItem>;
  /** The same as cleaned text. Begins with the line that `from` is in. */
  readText(range: LogRange, options?: ReadOptions): AsyncIterable<TextItem>;
  /** The same as a file, in chunks. */
  export(range: LogRange, format: ExportFormat, options?: ReadOptions): AsyncIterable<Buffer>;
  /** The position at which a range begins; cheap whatever the log's size. */
  locate(start: LogStart): Promise<number>;
  /** The last bytes, at most so many, for a screen or a capture. */
  tail(maxBytes: number): Promise<Buffer>;
}

export interface SearchQuery {
  /** Text to be found in a line, whatever its case. Exactly one of `query` and `regex`. */
  readonly query?: string | undefined;
  /** RE2 syntax, matched on each line; case counts unless it begins with `(?i)`. */
  readonly regex?: string | undefined;
  /** Missing: all. */
  readonly nodes?: readonly string[] | undefined;
  readonly sinceMicros?: number | undefined;
  readonly untilMicros?: number | undefined;
  /** @default 1000 */
  readonly limit?: number | undefined;
  /** Lines before and after. @default 0, at most 10 */
  readonly context?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface SearchHit {
  readonly node: NodeId;
  readonly line: number;
  readonly position: number;
  /** When what was found came: a line can go on after a pause, as behind a prompt. */
  readonly atMicros: number;
  readonly text: string;
  /** Where in the text it was found. */
  readonly from: number;
  readonly to: number;
  readonly before?: readonly string[] | undefined;
  readonly after?: readonly string[] | undefined;
}

/** The query cannot be searched for: an expression that is wrong or too large, a text that is empty. */
export class SearchError extends Error {
  override readonly name = "SearchError";
}

/** The logs of all consoles. */
export interface ConsoleLogs extends AsyncDisposable {
  /** Opens a node's log, or gives the one that is open. Repairs what a crash left. @throws when the directory cannot be read or made */
  open(node: NodeId, bounds: LogBounds): Promise<ConsoleLog>;
  /** Those that are open. */
  readonly logs: ReadonlyMap<NodeId, ConsoleLog>;
  /** Closes a node's log; its files stay as they are. */
  close(node: NodeId): Promise<void>;
  /** Closes a node's log and deletes it. */
  remove(node: NodeId): Promise<void>;
  /** Writes out and syncs everything at once. By itself it does so once a second where there is something new. */
  flush(): Promise<void>;
  /** Calls back whenever a log's `stored` has moved: time to acknowledge. */
  onStored(callback: (log: ConsoleLog) => void): Disposable;
  /** Calls back whenever a log's `problem` has changed. */
  onProblem(callback: (log: ConsoleLog) => void): Disposable;
  /** Lines that match, newest first, over open logs. Runs in a worker. @throws SearchError */
  search(query: SearchQuery): AsyncIterable<SearchHit>;
}
