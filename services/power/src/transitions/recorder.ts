import { milliseconds, seconds, type Clock } from "@outrider/contracts/clock";
import type { Log } from "@outrider/messaging/log";
import { failpoint } from "@outrider/storage/failpoint";
import { isStorageError } from "@outrider/storage/storage-error";
import type { Changes } from "./progress.js";
import type { TransitionNews } from "./transition-news.js";
import type { TransitionStore } from "./transition-store.js";
import type { TransitionTrail } from "./transition-trail.js";
import type { Work } from "./work.js";

/** What changes within this span is recorded in one transaction, in milliseconds. */
const GATHER_MS = 50;

/** Records what becomes of transitions, and tells it once it is recorded. */
export class Recorder {
  constructor(
    private readonly parts: {
      readonly store: TransitionStore;
      readonly news: TransitionNews;
      readonly trail: TransitionTrail;
      readonly clock: Clock;
      readonly log: Log;
      /** Aborted when the process stops: nothing more is recorded. */
      readonly stopped: AbortSignal;
      /** Told of a transition whose end is recorded. */
      readonly ended: (work: Work) => void;
      readonly defect: (error: unknown) => void;
    },
  ) {}

  /** Something has changed: it is recorded in a moment, together with what else changes by then. */
  changed(work: Work): void {
    work.isDirty = true;
    if (work.progress.isEnded) work.hurry.abort();
    if (work.isSaving) return;
    work.isSaving = true;
    work.saving = this.#saveAll(work).catch((error: unknown) => {
      if (!this.parts.stopped.aborted) this.parts.defect(error);
    });
  }

  /** Resolves once all that has changed until now is recorded. */
  async recorded(work: Work): Promise<void> {
    const recorded = new Promise<void>((resolve) => work.waiters.push(resolve));
    work.hurry.abort();
    this.changed(work);
    await recorded;
  }

  async #saveAll(work: Work): Promise<void> {
    while (work.isDirty && !this.parts.stopped.aborted) {
      if (!work.hurry.signal.aborted) await this.#pause(GATHER_MS, work.hurry.signal);
      work.hurry = new AbortController();
      work.isDirty = false;
      const waiters = work.waiters.splice(0);
      const changes = work.progress.takeChanges();
      if (changes) await this.#save(work, changes);
      for (const resolve of waiters) resolve();
    }
    for (const resolve of work.waiters.splice(0)) resolve();
    // In the same breath as the last look at what is dirty: nothing is missed in between.
    work.isSaving = false;
  }

  /** What has happened is not given up because a disk is full: it is tried until it is recorded. */
  async #save(work: Work, changes: Changes): Promise<void> {
    const { store, news, log, trail, stopped, ended } = this.parts;
    const { order } = work.progress;
    const { head, counts } = changes;
    const isEnd = head.endedAt !== undefined;
    const records = [...work.records.splice(0), ...(isEnd ? trail.ended(order, head, counts) : [])];
    while (!stopped.aborted) {
      try {
        await store.save(order.id, changes, records);
        break;
      } catch (error) {
        if (!isStorageError(error) || error.code === "closed") throw error;
        log.error(
          { transition: order.id, err: error },
          "a transition could not be recorded; trying again",
        );
        await this.#pause(seconds(1));
      }
    }
    if (stopped.aborted) return;
    failpoint("transition.saved");
    news.tell(order.id, changes);
    if (isEnd) ended(work);
  }

  /** Stopping, or the signal, cuts it short; whoever paused looks at what is then. */
  async #pause(ms: number, signal?: AbortSignal): Promise<void> {
    const { clock, stopped } = this.parts;
    const over = signal ? AbortSignal.any([stopped, signal]) : stopped;
    await clock.sleep(milliseconds(ms), over).catch(() => undefined);
  }
}
