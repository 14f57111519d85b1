import {
  nextAfter,
  type StreamBreak,
  type StreamBytes,
  type StreamGap,
  type StreamItem,
} from "@outrider/console-link/console-stream";
import type { SourcePosition } from "./console-log.js";
import type { UnplacedNote } from "./index-text.js";
import type { PastSources } from "./past-sources.js";

/** What is new of an item that came from a source: bytes, or a note, with the time that it is given in the log. */
export type NewItem =
  | {
      readonly kind: "bytes";
      readonly bytes: Buffer;
      readonly atMicros: number;
      readonly endOffset: number;
    }
  | { readonly kind: "note"; readonly note: UnplacedNote; readonly shiftMicros: number };

/** Text of the mark for a break that came from the far end. */
export const BREAK_TEXT = "break";

/**
 * Where a log is in its source. A source repeats from the last offset that was acknowledged, so that bytes and whatever
 * stands between them can come twice, also after a crash of either.
 */
export class SourceCursor {
  /** What stands since the last byte, by the agent's own times. */
  readonly #tail = new Set<string>();

  /** @param past where it was in other sources */
  constructor(
    public position: SourcePosition | undefined,
    private readonly past?: Pick<PastSources, "get" | "left" | "entered">,
  ) {
    if (position) past?.entered(position.stream);
  }

  /** Goes back: what comes after this place is new again. */
  back(position: SourcePosition): void {
    this.position = position;
    this.#tail.clear();
  }

  /** Where it goes on in a source; undefined: it was never in it. */
  of(stream: string): number | undefined {
    return this.position?.stream === stream ? this.position.offset : this.past?.get(stream);
  }

  /** Tells what stands after the last byte of a log that was opened again. */
  remember(note: UnplacedNote, shiftMicros: number): void {
    this.#tail.add(noteKey(note, shiftMicros));
  }

  /**
   * What is new of an item, in order. Moves on behind it.
   * @param lastMicros time of the last byte in the log: where a source began anew, what came since is not known
   */
  take(stream: string, item: StreamItem, shiftMicros: number, lastMicros?: number): NewItem[] {
    const { position = { stream, offset: item.offset } } = this;
    if (position.stream === stream) {
      this.position = position;
      return this.#take(stream, item, position.offset, shiftMicros);
    }
    const offset = this.past?.get(stream);
    this.past?.left(position);
    if (offset !== undefined) {
      // Back at an agent that it was on before, which marks by itself when it did not read.
      this.past?.entered(stream);
      this.#tail.clear();
      this.position = { stream, offset };
      return this.#take(stream, item, offset, shiftMicros);
    }
    const anew = newSource(item, shiftMicros, lastMicros);
    const known = this.#tail.has(noteKey(anew, 0));
    this.#tail.clear();
    this.#tail.add(noteKey(anew, 0));
    const rest = this.#take(stream, item, item.offset, shiftMicros);
    return known ? rest : [{ kind: "note", note: anew, shiftMicros: 0 }, ...rest];
  }

  #take(stream: string, item: StreamItem, offset: number, shiftMicros: number): NewItem[] {
    if (item.kind === "bytes") return this.#bytes(stream, item, offset, shiftMicros);
    const next = nextAfter(item);
    if (next < offset) return [];
    const note = noteOf(item, shiftMicros);
    const key = noteKey(note, shiftMicros);
    // Breaks and gaps have numbers too, of which the log does not keep count after its last byte.
    this.position = { stream, offset: next };
    if (this.#tail.has(key)) return [];
    if (next > offset + 1) this.#tail.clear();
    this.#tail.add(key);
    return [{ kind: "note", note, shiftMicros }];
  }

  #bytes(stream: string, item: StreamBytes, offset: number, shiftMicros: number): NewItem[] {
    const end = item.offset + item.bytes.length;
    if (end <= offset) return [];
    this.#tail.clear();
    this.position = { stream, offset: end };
    const atMicros = item.atMicros + shiftMicros;
    const all = Buffer.from(item.bytes.buffer, item.bytes.byteOffset, item.bytes.byteLength);
    const bytes = item.offset < offset ? all.subarray(offset - item.offset) : all;
    const news: NewItem = { kind: "bytes", bytes, atMicros, endOffset: end };
    if (item.offset <= offset) return [news];
    // Numbers that nobody accounted for: a source that forgot without saying so.
    const lost = item.offset - offset;
    const note: UnplacedNote = {
      kind: "gap",
      lost,
      reason: "spool-overflow",
      fromMicros: atMicros,
      toMicros: atMicros,
    };
    return [{ kind: "note", note, shiftMicros: 0 }, news];
  }
}

/** A source whose spool was lost, or another agent: nobody counted what was said before it began. */
function newSource(item: StreamItem, shiftMicros: number, lastMicros?: number): UnplacedNote {
  const toMicros = shiftMicros + (item.kind === "gap" ? item.toMicros : item.atMicros);
  const fromMicros = Math.min(lastMicros ?? toMicros, toMicros);
  return { kind: "gap", lost: undefined, reason: "agent-down", fromMicros, toMicros };
}

function noteOf(item: StreamGap | StreamBreak, shiftMicros: number): UnplacedNote {
  return item.kind === "gap"
    ? {
        kind: "gap",
        lost: item.lost,
        reason: item.reason,
        fromMicros: item.fromMicros + shiftMicros,
        toMicros: item.toMicros + shiftMicros,
      }
    : { kind: "mark", atMicros: item.atMicros + shiftMicros, text: BREAK_TEXT };
}

function noteKey(note: UnplacedNote, shiftMicros: number): string {
  return note.kind === "gap"
    ? `${note.reason} ${note.fromMicros - shiftMicros} ${note.toMicros - shiftMicros} ${note.lost ?? "-"}`
    : `${note.text} ${note.atMicros - shiftMicros}`;
}
