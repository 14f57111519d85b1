import { join } from "node:path";
import type { Clock } from "@outrider/contracts/clock";
import type { ConsoleStage } from "@outrider/contracts/console";
import type { NodeId } from "@outrider/contracts/ids";
import type { StreamItem } from "@outrider/console-link/console-stream";
import { mergeBoots } from "./boot-list.js";
import type {
  ConsoleLog,
  ExportFormat,
  LogBounds,
  ReadOptions,
  SourcePosition,
  TextItem,
} from "./console-log.js";
import { DiskWriter } from "./disk-writer.js";
import type { LogNote } from "./entry-table.js";
import type { BootRecord, SegmentStart, UnplacedNote } from "./index-text.js";
import { exportLog } from "./log-export.js";
import type { Boot, LogGap, LogItem, LogRange, LogStart } from "./log-format.js";
import { ROOM_BYTES, SEGMENT_NOTES, WAITING_BYTES, segmentAgeFor } from "./log-limits.js";
import { LogReader } from "./log-reader.js";
import type { RawContents } from "./raw-index.js";
import { PastSources } from "./past-sources.js";
import { RawSegment } from "./raw-segment.js";
import { SealedSegment } from "./sealed-segment.js";
import { isPlausible } from "./retention.js";
import { findSegments } from "./segment-list.js";
import { BEGINNING, roomFor, startAfter } from "./segment-bounds.js";
import { SourceCursor, type NewItem } from "./source-cursor.js";

/** What a log needs of what holds all logs. */
export interface LogHost {
  readonly clock: Clock;
  report(problem: string): void;
  /** There is something to be written. */
  wake(log: NodeLog): void;
  stored(log: NodeLog): void;
  problemChanged(log: NodeLog): void;
  /** Why nothing is to be written now; undefined when it may. */
  readonly refusal: string | undefined;
}

/** Bytes that are left out. */
interface Failure {
  readonly stream: string;
  lost: number;
  readonly fromMicros: number;
  toMicros: number;
}

/** The log of one node: segments, of which the last one grows. */
export class NodeLog implements ConsoleLog {
  readonly directory: string;
  readonly disk: DiskWriter;
  readonly #reader: LogReader;
  #segments: readonly (RawSegment | SealedSegment)[] = [];
  #raws: readonly RawSegment[] = [];
  #cursor: SourceCursor;
  #bounds: LogBounds;
  #atLineStart = true;
  #boot: BootRecord | undefined;
  /** What is being left out because neither the disk nor memory takes it. */
  #failing: Failure | undefined;
  #onBehind: (() => void) | undefined;
  /** Up to here everybody was shown what comes, although the log has only some of it. */
  #shown: SourcePosition | undefined;
  /** Told with what is taken next. */
  #late: LogItem[] = [];
  readonly #watchers = new Set<() => void>();

  private constructor(
    readonly node: NodeId,
    directory: string,
    readonly host: LogHost,
    bounds: LogBounds,
    segments: (RawSegment | SealedSegment)[],
    readonly pastSources: PastSources,
  ) {
    this.directory = directory;
    this.#bounds = bounds;
    this.#setSegments(segments);
    this.#cursor = new SourceCursor(this.#active.source, pastSources);
    this.disk = new DiskWriter(this, host);
    this.#reader = new LogReader(this);
  }

  static async open(
    directory: string,
    node: NodeId,
    bounds: LogBounds,
    host: LogHost,
  ): Promise<NodeLog> {
    const path = join(directory, node);
    const { segments, contents } = await findSegments(path, (problem) => host.report(problem));
    const last = segments.at(-1);
    if (!(last instanceof RawSegment)) {
      segments.push(RawSegment.begin(path, last ? startAfter(last) : BEGINNING));
    }
    const past = await PastSources.load(path, (problem) => host.report(problem));
    const log = new NodeLog(node, path, host, bounds, segments, past);
    log.#boot = log.bootRecords().at(-1)?.at(-1);
    await log.#resume(contents.get(log.#active));
    return log;
  }

  /** What was found at the end: line starts, notes that can come again, and what is missing. */
  async #resume(contents: RawContents | undefined): Promise<void> {
    const { next } = this;
    this.#atLineStart = next === this.first || (await this.tail(1))[0] === 10;
    for (const { note, shiftMicros } of contents?.tailNotes ?? []) {
      this.#cursor.remember(note, shiftMicros);
    }
    this.disk.stored = this.#cursor.position;
    const damage = contents?.damage;
    if (!damage) return;
    this.#note({
      kind: "gap",
      lost: damage.lost,
      reason: "log-lost",
      fromMicros: this.lastMicros ?? damage.untilMicros,
      toMicros: damage.untilMicros,
    });
    this.host.report(
      `The log of ${this.node} was damaged: ${damage.lost} bytes at ${next} are gone and marked. Check the disk.`,
    );
  }

  get #active(): RawSegment {
    return this.#raws.at(-1) as RawSegment;
  }

  get segments(): readonly (RawSegment | SealedSegment)[] {
    return this.#segments;
  }

  /** Those that are not sealed, the one that grows last. */
  get raws(): readonly RawSegment[] {
    return this.#raws;
  }

  get first(): number {
    return this.#segments[0]?.first ?? 0;
  }

  get next(): number {
    return this.#active.end;
  }

  get line(): number {
    return this.#active.endLine;
  }

  get lastMicros(): number | undefined {
    return this.#active.lastMicros ?? this.#active.start.lastMicros;
  }

  get bytesOnDisk(): number {
    return this.#segments.reduce((sum, segment) => sum + segment.bytesOnDisk, 0);
  }

  get lostBytes(): number {
    return this.#active.lost + (this.#failing?.lost ?? 0);
  }

  get problem(): string | undefined {
    return this.disk.problem;
  }

  get stored(): SourcePosition | undefined {
    return this.disk.stored;
  }

  get source(): SourcePosition | undefined {
    return this.#cursor.position;
  }

  onBehind(callback: () => void): void {
    this.#onBehind = callback;
  }

  sourceOf(stream: string): number | undefined {
    return this.#cursor.of(stream);
  }

  get bounds(): LogBounds {
    return this.#bounds;
  }

  get boots(): readonly Boot[] {
    const end = { position: this.next, micros: this.lastMicros ?? 0 };
    return mergeBoots(this.bootRecords(), this.first, end);
  }

  bootRecords(): (readonly BootRecord[])[] {
    return this.#segments.map((segment) => segment.bootRecords);
  }

  setBounds(bounds: LogBounds): void {
    this.#bounds = bounds;
  }

  take(stream: string, items: readonly StreamItem[], shiftMicros = 0): readonly LogItem[] {
    const taken = this.#late;
    this.#late = [];
    for (const item of items) {
      for (const news of this.#cursor.take(
        stream,
        item,
        Math.round(shiftMicros),
        this.lastMicros,
      )) {
        if (news.kind === "bytes") this.#takeBytes(news, stream, taken);
        // It comes again with the bytes around it.
        else if (this.#failing && this.#onBehind) taken.push(this.#placed(news.note));
        else {
          const note = this.#note(news.note, news.shiftMicros);
          if (!this.#wasShown(stream, note)) taken.push(note);
        }
      }
    }
    // Nothing is acknowledged over what was left out before that is written down.
    if (!this.#failing) this.#active.source = this.#cursor.position;
    this.#changed();
    return taken;
  }

  get room(): boolean {
    return this.disk.waitingCost < ROOM_BYTES || this.disk.failing;
  }

  hasRoom(signal?: AbortSignal): Promise<void> {
    return this.disk.until(() => this.room, signal);
  }

  mark(text: string, atMicros: number): LogItem {
    const mark = this.#note({ kind: "mark", atMicros: Math.round(atMicros), text });
    this.#changed();
    return mark;
  }

  beginBoot(at: { position: number; line: number; atMicros: number }): number {
    const boot = (this.#boot?.boot ?? 0) + 1;
    this.#active.beginBoot({ boot, position: at.position, line: at.line, atMicros: at.atMicros });
    this.#boot = this.#active.boots.last;
    this.#changed();
    return boot;
  }

  reachStage(stage: ConsoleStage, atMicros: number): void {
    this.#active.reachStage(stage, atMicros);
    this.#boot = this.#active.boots.last ?? this.#boot;
    this.#changed();
  }

  read(range: LogRange, options?: ReadOptions): AsyncIterable<LogItem> {
    return this.#reader.read(range, options);
  }

  readText(range: LogRange, options?: ReadOptions): AsyncIterable<TextItem> {
    return this.#reader.readText(range, options);
  }

  export(range: LogRange, format: ExportFormat, options?: ReadOptions): AsyncIterable<Buffer> {
    return exportLog(this, range, format, options);
  }

  locate(start: LogStart): Promise<number> {
    return this.#reader.locate(start);
  }

  async tail(maxBytes: number): Promise<Buffer> {
    const parts: Buffer[] = [];
    const position = Math.max(this.first, this.next - maxBytes);
    for await (const item of this.read({ from: { position } })) {
      if (item.kind === "bytes") parts.push(item.bytes);
    }
    return Buffer.concat(parts);
  }

  /** Calls back whenever there is something new, until disposed. */
  watch(callback: () => void): Disposable {
    this.#watchers.add(callback);
    return { [Symbol.dispose]: () => this.#watchers.delete(callback) };
  }

  /** Closes the segment that grows if it is old enough, so that it can be sealed and dropped some day. */
  rotateIfOld(): void {
    const since = this.#active.firstMicros;
    const oldest = this.host.clock.now().getTime() - segmentAgeFor(this.#bounds.maxAgeMs);
    if (since !== undefined && isPlausible(since) && since / 1000 < oldest) this.#rotate();
  }

  /** Puts a segment that was sealed in the place of the one that it was made of. */
  replace(raw: RawSegment, sealed: SealedSegment): void {
    this.#setSegments(this.#segments.map((segment) => (segment === raw ? sealed : segment)));
  }

  /** Leaves the oldest segment out. @returns it, or undefined when there is but the one that grows */
  dropOldest(): RawSegment | SealedSegment | undefined {
    const [oldest, ...rest] = this.#segments;
    if (rest.length === 0) return undefined;
    this.#setSegments(rest);
    return oldest;
  }

  /** The disk takes bytes again: says what was left out meanwhile. */
  resumeAfterFailure(): void {
    const failing = this.#failing;
    if (!failing || this.disk.waitingCost > WAITING_BYTES / 2) return;
    this.#failing = undefined;
    const { lost, fromMicros, toMicros } = failing;
    if (this.#onBehind && this.#goBack(failing)) return;
    this.#late.push(this.#note({ kind: "gap", lost, reason: "log-failed", fromMicros, toMicros }));
    this.#active.source = this.#cursor.position;
    this.#changed();
  }

  /** What the disk had said to be safe may not be: marks the place. */
  noteDoubt(fromMicros: number): void {
    const toMicros = this.host.clock.now().getTime() * 1000;
    this.#note({ kind: "gap", lost: undefined, reason: "log-lost", fromMicros, toMicros });
  }

  /** Goes back to what the log has, to take the rest again. @returns false where its source is another one by now */
  #goBack({ stream }: Failure): boolean {
    const { position } = this.#cursor;
    const kept = this.#active.source;
    if (!position || !kept || position.stream !== stream || kept.stream !== stream) return false;
    // It may fail again while what was left out is taken.
    if (this.#shown?.stream !== stream || this.#shown.offset < position.offset) {
      this.#shown = position;
    }
    this.#cursor.back(kept);
    this.#onBehind?.();
    return true;
  }

  /** What everybody was shown already goes to the log only. */
  #takeBytes(
    { bytes, atMicros, endOffset }: Extract<NewItem, { kind: "bytes" }>,
    stream: string,
    taken: LogItem[],
  ): void {
    const shown = this.#shown?.stream === stream ? this.#shown.offset : 0;
    const old = Math.max(0, Math.min(bytes.length, shown - (endOffset - bytes.length)));
    const micros = Math.round(atMicros);
    if (old > 0) {
      this.#append(bytes.subarray(0, old), micros, stream, endOffset - bytes.length + old, []);
    }
    if (old < bytes.length) this.#append(bytes.subarray(old), micros, stream, endOffset, taken);
    if (endOffset >= shown) this.#shown = undefined;
  }

  /** That something is gone for good is news although its bytes were shown. */
  #wasShown(stream: string, note: LogNote): boolean {
    const { position } = this.#cursor;
    if (this.#shown?.stream !== stream || !position || position.offset > this.#shown.offset) {
      return false;
    }
    return note.kind === "mark" || !note.reason.startsWith("spool-");
  }

  #append(
    bytes: Buffer,
    atMicros: number,
    stream: string,
    endOffset: number,
    taken: LogItem[],
  ): void {
    if (!this.#onBehind) this.resumeAfterFailure();
    if (this.#failing || this.disk.waitingCost + bytes.length > WAITING_BYTES) {
      this.#failing ??= { stream, lost: 0, fromMicros: atMicros, toMicros: atMicros };
      this.#failing.lost += bytes.length;
      this.#failing.toMicros = atMicros;
      taken.push({ kind: "bytes", position: this.next, atMicros, bytes });
      return;
    }
    let rest = bytes;
    while (rest.length > 0) {
      const cut = roomFor(rest, this.#active.entries, this.#bounds.maxBytes, this.#atLineStart);
      if (cut === 0) {
        this.#rotate();
        continue;
      }
      const part = rest.subarray(0, cut);
      taken.push({ kind: "bytes", position: this.next, atMicros, bytes: part });
      this.#active.append(part, atMicros);
      this.#atLineStart = part.at(-1) === 10;
      rest = rest.subarray(cut);
      this.#active.source = { stream, offset: endOffset - rest.length };
    }
  }

  #rotate(): void {
    const active = this.#active;
    if (active.end === active.first) return;
    const start: SegmentStart = {
      first: active.end,
      line: active.endLine,
      lost: active.lost,
      lastMicros: this.lastMicros,
      source: active.source,
      boot: this.#boot,
    };
    this.#setSegments([...this.#segments, RawSegment.begin(this.directory, start)]);
  }

  #setSegments(segments: readonly (RawSegment | SealedSegment)[]): void {
    this.#segments = segments;
    this.#raws = segments.filter((segment) => segment instanceof RawSegment);
  }

  #note(unplaced: UnplacedNote, shiftMicros = 0): LogNote {
    const note = this.#placed(unplaced);
    // Nobody reads ten thousand notes between two bytes; what is lost still counts.
    if (this.#active.entries.notes.length < SEGMENT_NOTES * 2) this.#active.note(note, shiftMicros);
    else this.#active.lost += (note as LogGap).lost ?? 0;
    return note;
  }

  #placed(note: UnplacedNote): LogNote {
    return { ...note, position: this.next };
  }

  #changed(): void {
    this.host.wake(this);
    for (const watcher of this.#watchers) watcher();
  }
}
