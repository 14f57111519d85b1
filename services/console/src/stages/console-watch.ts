import { CleanText } from "../log/clean-text.js";
import type { TextLine } from "../log/console-log.js";
import type { LogItem } from "../log/log-format.js";
import { StageTracker, type StageFinding, type StageMemory } from "./stage-tracker.js";

/** How long a console says nothing before the line without an end is taken for a prompt. */
export const QUIET_MS = 300;

export interface ConsoleWatchOptions {
  /** Where things stood: from `ConsoleLog.boots`. */
  readonly memory: StageMemory;
  /** Number of the line that the first byte belongs to: `ConsoleLog.line`. */
  readonly line: number;
  /** Each line once it has ended, and pieces of lines too long: for rules with patterns. */
  readonly onLine?: ((line: TextLine) => void) | undefined;
  /** What stands on a line that has no end, when nothing has come for {@link QUIET_MS}. */
  readonly onPrompt?: ((line: TextLine) => void) | undefined;
  readonly onFinding: (finding: StageFinding) => void;
}

/**
 * Reads one console for what its lines say: bytes in, cleaned lines and findings out, in order. Knows no time but that
 * of the bytes; whoever owns it says when it has been quiet.
 */
export class ConsoleWatch {
  readonly #text: CleanText;
  readonly #tracker: StageTracker;
  readonly #onPrompt: ConsoleWatchOptions["onPrompt"];
  #lastMicros = 0;

  constructor(options: ConsoleWatchOptions) {
    const { memory, line, onLine, onPrompt, onFinding } = options;
    this.#onPrompt = onPrompt;
    this.#tracker = new StageTracker(memory, onFinding);
    this.#text = new CleanText({ line }, (text) => {
      this.#tracker.line(text);
      onLine?.(text);
    });
  }

  /** Takes what `ConsoleLog.take` returned. */
  feed(items: readonly LogItem[]): void {
    for (const item of items) {
      if (item.kind === "bytes") {
        // Also where it is read only later that nothing had come for a while.
        if (item.atMicros - this.#lastMicros >= QUIET_MS * 1000) this.quiet();
        this.#lastMicros = item.atMicros;
        this.#text.feed(item.bytes, item.position, item.atMicros);
      }
      // What comes after missing bytes does not belong to the line before them.
      else if (item.kind === "gap") this.#text.finish();
    }
  }

  /** Call when nothing has come for {@link QUIET_MS}: a prompt has no line feed, so that its line never ends. */
  quiet(): void {
    const { partial } = this.#text;
    if (!partial) return;
    this.#tracker.prompt(partial);
    this.#onPrompt?.(partial);
  }

  /** The machine's supply was switched on at a time: what comes next begins a chapter, unless it has begun by itself. */
  supplyOn(atMicros = this.#lastMicros): void {
    this.#tracker.supplyOn(atMicros);
  }

  /** What stands on the line that has not ended; undefined when nothing does. */
  get partial(): TextLine | undefined {
    return this.#text.partial;
  }

  get stage(): StageTracker["stage"] {
    return this.#tracker.stage;
  }
}

/** Begins to read a console. */
export function watchConsole(options: ConsoleWatchOptions): ConsoleWatch {
  return new ConsoleWatch(options);
}
