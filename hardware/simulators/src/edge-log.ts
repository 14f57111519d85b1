import {
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readFileSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { join } from "node:path";
import type { SimClock } from "./sim-clock.js";
import type { Edge, EdgeCause, EdgeName } from "./slot-api.js";

/** How many edges are kept for questions. The file keeps all. */
const KEPT = 50_000;
/** Forgotten at once, so that forgetting costs nothing per edge. */
const FORGOTTEN = 10_000;

/**
 * Every physical change of every slot, in order, in memory and in `edges.jsonl`.
 * The file is continued across restarts: sequence numbers never come twice in one directory.
 */
export class EdgeLog {
  readonly #file: number;
  readonly #edges: Edge[];
  readonly #newest = new Map<number, number>();
  readonly #waiting = new Set<(edge: Edge) => void>();
  /** Slots whose supply was on when the earlier run in this directory ended. */
  readonly #leftOn: readonly number[];
  #seq: number;
  #totalWatts: (() => number) | undefined;
  /** Set while several edges fall into one instant. */
  #instant: Pick<Edge, "at" | "monotonicMs"> | undefined;

  constructor(
    dir: string,
    private readonly clock: SimClock,
  ) {
    mkdirSync(dir, { recursive: true });
    const file = join(dir, "edges.jsonl");
    const edges = readEdges(file);
    this.#file = openSync(file, "a");
    this.#leftOn = leftOn(edges);
    this.#edges = edges.slice(-KEPT);
    this.#seq = this.#edges.at(-1)?.seq ?? 0;
    for (const { slot, seq } of edges) this.#newest.set(slot, seq);
  }

  /** From now on each edge says what all slots draw together. */
  measure(totalWatts: () => number): void {
    this.#totalWatts = totalWatts;
  }

  /** The number of the newest edge of a slot, 0 when there is none. */
  newest(slot: number): number {
    return this.#newest.get(slot) ?? 0;
  }

  /** What is added by `run` happens at one and the same time. */
  inOneInstant(run: () => void): void {
    this.#instant = this.#now();
    try {
      run();
    } finally {
      this.#instant = undefined;
    }
  }

  /** Nothing can be added any more. */
  close(): void {
    closeSync(this.#file);
  }

  /** The number of the newest edge, 0 when there is none. */
  get seq(): number {
    return this.#seq;
  }

  /** Records a change that has just happened. On disk when it returns (not flushed: it survives this process, not the host). */
  add(slot: number, edge: EdgeName, cause: EdgeCause): Edge {
    const entry: Edge = {
      seq: ++this.#seq,
      slot,
      edge,
      ...(this.#instant ?? this.#now()),
      cause,
      ...(this.#totalWatts ? { totalWatts: Math.round(this.#totalWatts() * 1000) / 1000 } : {}),
    };
    writeSync(this.#file, `${JSON.stringify(entry)}\n`);
    this.#edges.push(entry);
    this.#newest.set(slot, entry.seq);
    if (this.#edges.length >= KEPT + FORGOTTEN) this.#edges.splice(0, FORGOTTEN);
    for (const look of this.#waiting) look(entry);
    return entry;
  }

  #now(): Pick<Edge, "at" | "monotonicMs"> {
    return { at: this.clock.now().toISOString(), monotonicMs: this.clock.monotonicMs() };
  }

  /** Edges after `since`, of one slot or of all. */
  after(since: number, slot?: number): Edge[] {
    // Numbers are without gaps: what was seen is skipped, not searched.
    const seen = Math.max(0, since + 1 - (this.#edges[0]?.seq ?? 1));
    const later = this.#edges.slice(seen);
    return slot === undefined ? later : later.filter((e) => e.slot === slot);
  }

  /** As {@link after}, but waits for the first one, at most `waitMs`; then, or when aborted, answers with none. */
  wait(
    since: number,
    slot: number | undefined,
    waitMs: number,
    signal: AbortSignal,
  ): Promise<Edge[]> {
    const present = this.after(since, slot);
    if (present.length > 0 || waitMs <= 0 || signal.aborted) return Promise.resolve(present);
    return new Promise((resolve) => {
      const finish = (): void => {
        cancel();
        this.#waiting.delete(look);
        signal.removeEventListener("abort", finish);
        resolve(this.after(since, slot));
      };
      const look = (edge: Edge): void => {
        if (slot === undefined || edge.slot === slot) finish();
      };
      const cancel = this.clock.after(waitMs, finish);
      this.#waiting.add(look);
      signal.addEventListener("abort", finish, { once: true });
    });
  }

  /**
   * Closes the books of an earlier run in this directory: a slot whose supply was on then, and is not now,
   * has lost it without a request. Call once at start.
   */
  settle(): void {
    for (const slot of this.#leftOn) this.add(slot, "brown-out", "outside");
  }
}

/** Reads a log; a last line that a crash cut off is dropped, in the file too, so that the next line starts clean. */
function readEdges(file: string): Edge[] {
  if (!existsSync(file)) return [];
  const text = readFileSync(file, "utf8");
  const whole = text.slice(0, text.lastIndexOf("\n") + 1);
  if (whole !== text) writeFileSync(file, whole);
  return whole
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line) as Edge);
}

function leftOn(edges: readonly Edge[]): number[] {
  const on = new Set<number>();
  for (const { slot, edge } of edges) {
    if (edge === "supply-on") on.add(slot);
    if (edge === "supply-off" || edge === "brown-out") on.delete(slot);
  }
  return [...on].toSorted((a, b) => a - b);
}
