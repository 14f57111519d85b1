import type { ConsoleStage } from "@outrider/contracts/console";
import type { GapReason } from "@outrider/console-link/console-stream";

/**
 * What a console's log is to the rest of the service. A position is the number of a byte in the log of a node, from 0
 * through the life of the log; what is dropped for age or size leaves its numbers behind.
 */

/** A run of bytes that came together. */
export interface LogBytes {
  readonly kind: "bytes";
  readonly position: number;
  readonly atMicros: number;
  readonly bytes: Buffer;
}

/** Bytes are missing here, or may be. */
export interface LogGap {
  readonly kind: "gap";
  readonly position: number;
  readonly lost: number | undefined;
  /** `log-failed`: the service could not write its log; `log-lost`: the service's own log was damaged. */
  readonly reason: GapReason | "log-failed" | "log-lost";
  readonly fromMicros: number;
  readonly toMicros: number;
}

/** Something that happened at the console: a break, a take-over, a power action, another source. */
export interface LogMark {
  readonly kind: "mark";
  readonly position: number;
  readonly atMicros: number;
  readonly text: string;
}

export type LogItem = LogBytes | LogGap | LogMark;

/** A chapter: from one start of the machine to the next. */
export interface Boot {
  /** From 1 through the life of the log. */
  readonly boot: number;
  readonly position: number;
  readonly line: number;
  readonly atMicros: number;
  /** Where the next one begins, or where the log ends now. */
  readonly endPosition: number;
  readonly endMicros: number;
  /** How far it came, and whether it ended in a panic. */
  readonly stages: readonly ConsoleStage[];
}

/** From where to read. */
export type LogStart =
  | { readonly position: number }
  | { readonly sinceMicros: number }
  | { readonly lastLines: number }
  | { readonly line: number }
  /** 0: the last one; -1: the one before. */
  | { readonly boot: number };

export interface LogRange {
  readonly from: LogStart;
  readonly untilMicros?: number | undefined;
  readonly untilPosition?: number | undefined;
}
