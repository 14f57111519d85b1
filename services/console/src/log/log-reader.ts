import { CleanText } from "./clean-text.js";
import type { ReadOptions, TextItem } from "./console-log.js";
import { firstWhere } from "./entry-table.js";
import type { Boot, LogGap, LogItem, LogRange, LogStart } from "./log-format.js";
import { SegmentGone, type Segment, type SegmentCursor } from "./segment.js";

/** What is read in one go. */
const READ_BYTES = 65_536;

interface ReadLog {
  readonly segments: readonly Segment[];
  readonly first: number;
  readonly next: number;
  readonly line: number;
  readonly boots: readonly Boot[];
  watch(callback: () => void): Disposable;
}

/** Finds places in a log and reads it. What is dropped or sealed under a reader's hands is looked up again. */
export class LogReader {
  constructor(readonly log: ReadLog) {}

  async locate(start: LogStart): Promise<number> {
    const { log } = this;
    if ("position" in start) return Math.min(Math.max(start.position, log.first), log.next);
    if ("line" in start) return this.#positionOfLine(start.line);
    if ("lastLines" in start) return this.#positionOfLastLines(start.lastLines);
    if ("sinceMicros" in start) return this.#positionAtTime(start.sinceMicros);
    const { boots } = log;
    const boot =
      start.boot <= 0
        ? boots[boots.length - 1 + start.boot]
        : boots.find((candidate) => candidate.boot === start.boot);
    // Without that chapter: the beginning for one that was dropped, else the end.
    if (boot) return Math.max(boot.position, log.first);
    return start.boot <= 0 || start.boot < (boots[0]?.boot ?? 0) ? log.first : log.next;
  }

  async *read(range: LogRange, options: ReadOptions = {}): AsyncGenerator<LogItem> {
    const { log } = this;
    const { signal, follow } = options;
    const untilMicros = range.untilMicros ?? Number.POSITIVE_INFINITY;
    // What comes while it is read is not part of it, unless it follows.
    const until = Math.min(
      range.untilPosition ?? Number.MAX_SAFE_INTEGER,
      follow ? Number.MAX_SAFE_INTEGER : log.next,
    );
    let position = await this.locate(range.from);
    let segment = this.#segmentAt(position);
    let cursor: SegmentCursor = { position, notesDone: 0 };
    for (;;) {
      if (signal?.aborted) return;
      const got = await segment.items(cursor, READ_BYTES).catch(whenGone);
      if (!got) {
        const before = segment;
        // Sealed: there is another one in its place. Dropped: the next one.
        segment = this.#segmentFrom(before.first);
        if (segment === before) {
          // Neither: somebody deleted its file, or the log is closed.
          const after = this.#segmentAfter(before);
          if (!after) return;
          yield missing(before, after, cursor.position);
          segment = after;
        }
        if (segment.first > cursor.position) cursor = { position: segment.first, notesDone: 0 };
        continue;
      }
      for (const item of got.items) {
        if (signal?.aborted || timeOf(item) > untilMicros || item.position > until) return;
        const kept = cutAt(item, until);
        if (kept) yield kept;
      }
      cursor = got.cursor;
      position = cursor.position;
      if (position > until) return;
      if (got.items.length > 0) continue;
      const after = this.#segmentAfter(segment);
      if (after) {
        if (after.first > position) yield missing(segment, after, position);
        segment = after;
        cursor = { position: after.first, notesDone: 0 };
      } else if (!follow || position >= until) return;
      else await this.#news(cursor, signal);
    }
  }

  async *readText(range: LogRange, options: ReadOptions = {}): AsyncGenerator<TextItem> {
    const asked = await this.locate(range.from);
    const line = await this.#lineAt(asked);
    const begin = Math.min(asked, await this.#positionOfLine(line));
    const out: TextItem[] = [];
    const text = new CleanText({ line }, (cleaned) => out.push({ kind: "line", ...cleaned }));
    for await (const item of this.read({ ...range, from: { position: begin } }, options)) {
      if (item.kind === "bytes") text.feed(item.bytes, item.position, item.atMicros);
      else {
        if (item.kind === "gap") text.finish();
        out.push(item);
      }
      yield* out.splice(0);
    }
    text.finish();
    yield* out;
  }

  /** A line that has begun counts as one: whoever asks for one line at a prompt is shown the prompt. */
  async #positionOfLastLines(lines: number): Promise<number> {
    const { line, next } = this.log;
    if (lines < 1) return next;
    const last = await this.#positionOfLine(line);
    return this.#positionOfLine(last < next ? line - lines + 1 : line - lines);
  }

  async #positionOfLine(line: number): Promise<number> {
    return this.#found(
      () => {
        const { segments } = this.log;
        return segments[firstWhere(segments, (candidate) => candidate.line >= line) - 1];
      },
      (segment) => segment.positionOfLine(line),
      this.log.first,
    );
  }

  async #positionAtTime(micros: number): Promise<number> {
    return this.#found(
      () => this.log.segments.find((candidate) => (candidate.lastMicros ?? -1) >= micros),
      (segment) => segment.positionAtTime(micros),
      this.log.next,
    );
  }

  async #lineAt(position: number): Promise<number> {
    const first = this.#segmentAt(position);
    return this.#found(
      () => this.#segmentAt(position),
      (segment) => segment.lineAt(position),
      first.line,
    );
  }

  /** Asks the segment in which something is, and the one that has taken its place when it was sealed or dropped. */
  async #found(
    which: () => Segment | undefined,
    ask: (segment: Segment) => Promise<number>,
    otherwise: number,
  ): Promise<number> {
    let asked: Segment | undefined;
    for (let segment = which(); segment && segment !== asked; segment = which()) {
      asked = segment;
      const found = await ask(segment).catch(whenGone);
      if (found !== undefined) return found;
    }
    return otherwise;
  }

  /** The segment that a position lies in; of two that meet there, the earlier one, for the notes at its end. */
  #segmentAt(position: number): Segment {
    const { segments } = this.log;
    return segments[
      Math.min(
        firstWhere(segments, (segment) => segment.end >= position),
        segments.length - 1,
      )
    ] as Segment;
  }

  #segmentFrom(first: number): Segment {
    const { segments } = this.log;
    return segments[
      Math.min(
        firstWhere(segments, (segment) => segment.first >= first),
        segments.length - 1,
      )
    ] as Segment;
  }

  #segmentAfter(segment: Segment): Segment | undefined {
    const { segments } = this.log;
    return segments[firstWhere(segments, (candidate) => candidate.first > segment.first)];
  }

  /** Resolves when the log has gone on from a cursor at its end. */
  async #news(cursor: SegmentCursor, signal: AbortSignal | undefined): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const watching = this.log.watch(resolve);
    const stop = (): void => resolve();
    signal?.addEventListener("abort", stop, { once: true });
    try {
      const { next } = this.log;
      const end = await this.#segmentAt(next).items(cursor, 1).catch(whenGone);
      if (!end || end.items.length > 0 || next > cursor.position || signal?.aborted) return;
      await promise;
    } finally {
      watching[Symbol.dispose]();
      signal?.removeEventListener("abort", stop);
    }
  }
}

function whenGone(cause: unknown): undefined {
  if (!(cause instanceof SegmentGone)) throw cause;
}

function timeOf(item: LogItem): number {
  return item.kind === "gap" ? item.fromMicros : item.atMicros;
}

/** What of an item comes before a position; undefined when nothing does. */
function cutAt(item: LogItem, until: number): LogItem | undefined {
  if (item.kind !== "bytes") return item;
  const length = until - item.position;
  if (length >= item.bytes.length) return item;
  return length > 0 ? { ...item, bytes: item.bytes.subarray(0, length) } : undefined;
}

/** A file between two others has gone, or what was left of one from a position on. */
function missing(before: Segment, after: Segment, position: number): LogGap {
  const fromMicros = before.lastMicros ?? after.firstMicros ?? 0;
  return {
    kind: "gap",
    position,
    lost: after.first - position,
    reason: "log-lost",
    fromMicros,
    toMicros: after.firstMicros ?? fromMicros,
  };
}
