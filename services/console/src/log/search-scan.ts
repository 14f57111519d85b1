import { readFileSync } from "node:fs";
import type { NodeId } from "@outrider/contracts/ids";
import { BootList } from "./boot-list.js";
import { CleanText } from "./clean-text.js";
import type { SearchHit, TextLine } from "./console-log.js";
import { EntryTable } from "./entry-table.js";
import { NewestFirst } from "./newest-first.js";
import { readRawIndex } from "./raw-index.js";
import type { SealedBlock } from "./sealed-format.js";
import { SealedFile } from "./sealed-file.js";
import type { CompiledQuery } from "./search-query.js";
import type { SearchStatistics, SearchTask, SearchedLog, SearchedSegment } from "./search-task.js";
import { segmentPath } from "./segment-name.js";
import { whenCame } from "./when-came.js";

/** Something that is still to be looked at. */
type Unit =
  | { readonly kind: "segment"; readonly log: SearchedLog; readonly segment: SearchedSegment }
  | {
      readonly kind: "block";
      readonly log: SearchedLog;
      readonly file: SharedFile;
      readonly block: SealedBlock;
    };

/** A sealed file that is open for as long as blocks of it wait. */
interface SharedFile {
  readonly sealed: SealedFile;
  waiting: number;
}

/** Text and times of a stretch that is searched in one go. */
interface Stretch {
  readonly first: number;
  readonly line: number;
  readonly bytes: Buffer;
  readonly times: () => Pick<EntryTable, "positions" | "micros">;
}

/**
 * Finds lines in logs, newest first over all of them. Blocks the thread. Segments and blocks are taken in the order of
 * their latest times, and a hit is given out once nothing that is left can be newer.
 */
export class SearchScan {
  readonly #units = new NewestFirst<Unit>();
  readonly #hits = new NewestFirst<SearchHit>();
  #left: number;
  #blocks = 0;
  #blocksRead = 0;

  constructor(
    readonly task: Omit<SearchTask, "cancelled" | "kind" | "query">,
    readonly compiled: CompiledQuery,
    readonly onHit: (hit: SearchHit) => void,
    readonly isCancelled: () => boolean,
  ) {
    this.#left = task.limit;
  }

  run(): SearchStatistics {
    for (const log of this.task.logs) {
      for (const segment of log.segments) {
        if (segment.lastMicros < this.task.sinceMicros) continue;
        this.#units.push(segment.lastMicros, segment.first, { kind: "segment", log, segment });
      }
    }
    for (let unit = this.#units.pop(); unit; unit = this.#units.pop()) {
      // What is open has to be closed again, so that nothing is left early.
      const isOver = this.#left <= 0 || this.isCancelled();
      if (unit.kind === "segment" && !isOver) this.#openSegment(unit.log, unit.segment);
      else if (unit.kind === "block") this.#block(unit.log, unit.file, unit.block, isOver);
      this.#giveOut(this.#units.newest ?? Number.NEGATIVE_INFINITY);
    }
    return { blocks: this.#blocks, blocksRead: this.#blocksRead };
  }

  #giveOut(untilMicros: number): void {
    while (this.#left > 0 && (this.#hits.newest ?? Number.NEGATIVE_INFINITY) >= untilMicros) {
      const hit = this.#hits.pop();
      if (!hit) return;
      this.#left--;
      this.onHit(hit);
    }
  }

  #openSegment(log: SearchedLog, segment: SearchedSegment): void {
    if (!segment.sealed) {
      const stretch = readRaw(log.directory, segment);
      if (stretch) return this.#search(log.node, stretch);
      // Sealed in the meantime.
    }
    const sealed = SealedFile.open(segmentPath(log.directory, segment.first, "zst"));
    if (!sealed) return;
    this.#blocks += sealed.blocks.length;
    const wanted = sealed
      .candidates(this.compiled.required)
      .filter(
        (block) =>
          block.lastMicros >= this.task.sinceMicros && block.firstMicros <= this.task.untilMicros,
      );
    if (wanted.length === 0) return sealed[Symbol.dispose]();
    const file: SharedFile = { sealed, waiting: wanted.length };
    for (const block of wanted) {
      this.#units.push(block.lastMicros, block.first, { kind: "block", log, file, block });
    }
  }

  #block(log: SearchedLog, file: SharedFile, block: SealedBlock, isOver: boolean): void {
    try {
      if (isOver) return;
      this.#blocksRead++;
      const bytes = file.sealed.bytes(block);
      if (!bytes) return;
      const times = (): EntryTable => file.sealed.times(block);
      this.#search(log.node, { first: block.first, line: block.line, bytes, times });
    } finally {
      if (--file.waiting === 0) file.sealed[Symbol.dispose]();
    }
  }

  #search(node: string, stretch: Stretch): void {
    const { context, sinceMicros, untilMicros } = this.task;
    const lines: TextLine[] = [];
    const found: { index: number; from: number; to: number }[] = [];
    const text = new CleanText({ line: stretch.line }, (line) => {
      // An expression can be slow enough that a block takes long.
      const place = this.isCancelled() ? undefined : this.compiled.find(line.text);
      if (place) found.push({ index: context > 0 ? lines.length : found.length, ...place });
      if (place || context > 0) lines.push(line);
    });
    text.feed(stretch.bytes, stretch.first, 0);
    text.finish();
    if (found.length === 0) return;
    const table = stretch.times();
    for (const { index, from, to } of found) {
      const line = lines[index] as TextLine;
      const atMicros = whenCame({ ...line, from, to }, stretch, table);
      if (atMicros < sinceMicros || atMicros > untilMicros) continue;
      const around = (begin: number, end: number): string[] =>
        lines.slice(Math.max(0, begin), end).map((other) => other.text);
      this.#hits.push(atMicros, line.position, {
        node: node as NodeId,
        line: line.line,
        position: line.position,
        atMicros,
        text: line.text,
        from,
        to,
        ...(context > 0
          ? {
              before: around(index - context, index),
              after: around(index + 1, index + 1 + context),
            }
          : {}),
      });
    }
  }
}

/** A segment that is not sealed: what its files hold, and what they did not hold yet. */
function readRaw(directory: string, segment: SearchedSegment): Stretch | undefined {
  const { first, end, unwritten } = segment;
  const table = new EntryTable(first, segment.line);
  let bytes = Buffer.alloc(0);
  const upTo = unwritten?.position ?? end;
  if (upTo > first) {
    try {
      const data = readFileSync(segmentPath(directory, first, "bytes"));
      const index = readFileSync(segmentPath(directory, first, "index"), "latin1");
      const contents = readRawIndex(first, index, data);
      contents?.describe(table, new BootList());
      bytes = data.subarray(0, Math.min(upTo, contents?.end ?? first) - first);
    } catch (cause) {
      if ((cause as NodeJS.ErrnoException).code === "ENOENT") return undefined;
      throw cause;
    }
  }
  const positions = table.positions.filter((position) => position < upTo);
  const micros = table.micros.slice(0, positions.length);
  if (unwritten) {
    bytes = Buffer.concat([bytes, unwritten.bytes]);
    positions.push(...unwritten.positions);
    micros.push(...unwritten.micros);
  }
  return { first, line: segment.line, bytes, times: () => ({ positions, micros }) };
}
