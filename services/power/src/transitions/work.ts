import type { Statement } from "@outrider/storage/storage";
import type { Progress } from "./progress.js";

/** A transition that has not ended, as this process carries it. */
export interface Work {
  readonly progress: Progress;
  /** Ends what is under way for the transition: timers, its hooks when the process stops. */
  readonly over: AbortController;
  /** Ends the hook that drains a node. */
  readonly draining: Map<number, AbortController>;
  /** Ends the timer that looks again. */
  again: AbortController;
  isWoken: boolean;
  /** What is written along with the next changes. */
  records: Statement[];
  /** Whether there may be something that is not recorded yet. */
  isDirty: boolean;
  /** Cuts short the moment in which changes are gathered. */
  hurry: AbortController;
  /** Called once all that had changed before is recorded. */
  readonly waiters: (() => void)[];
  /** Whether what has changed is being recorded now. */
  isSaving: boolean;
  /** The recording that is, or was last, under way. */
  saving: Promise<void>;
}

export function workOf(progress: Progress): Work {
  return {
    progress,
    over: new AbortController(),
    draining: new Map(),
    again: new AbortController(),
    isWoken: false,
    records: [],
    isDirty: false,
    hurry: new AbortController(),
    waiters: [],
    isSaving: false,
    saving: Promise.resolve(),
  };
}
