import type { LogItem } from "../log/log-format.js";
import type { TextLine } from "../log/console-log.js";
import type { StageFinding, StageMemory } from "./stage-tracker.js";

/**
 * Reads one console for what its lines say: bytes in, cleaned lines and findings out. Pure: whoever owns it brings the
 * time. A prompt has no line feed, so that the unfinished line is looked at once the console has been quiet.
 */
export interface ConsoleWatch {
  /** What `ConsoleLog.take` returned. Calls back for each line that ended and each finding, in order. */
  feed(items: readonly LogItem[]): void;
  /** Call when nothing has come for {@link QUIET_MS}: the line that has no end yet is looked at. */
  quiet(): void;
  /** The machine's supply was switched on: what comes next begins a chapter. */
  supplyOn(): void;
  /** Whether `quiet` would find anything to look at. */
  readonly partial: boolean;
  /** What has been on the unfinished line so far. */
  readonly partialText: string;
}

/** How long a console says nothing before the line without an end is taken for a prompt. */
export const QUIET_MS = 300;

export interface ConsoleWatchOptions {
  readonly memory: StageMemory;
  /** Number of the line that the first byte belongs to: `ConsoleLog.line`. */
  readonly line: number;
  /** Each line once it has ended, for rules with patterns. Missing: lines are only made where stages need them. */
  readonly onLine?: ((line: TextLine) => void) | undefined;
  readonly onFinding: (finding: StageFinding) => void;
}

export declare function watchConsole(options: ConsoleWatchOptions): ConsoleWatch;
