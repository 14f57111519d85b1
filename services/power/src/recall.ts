import { hours, timestamp, type Clock } from "@outrider/contracts/clock";
import type { Log } from "@outrider/messaging/log";
import type { Restored } from "@outrider/storage/storage";
import type { Journal } from "./journal.js";
import type { Run } from "./run-state.js";

/** Ids are remembered for seven days, in milliseconds. */
const REMEMBER_MS = 7 * 86_400_000;
const PRUNE_EVERY = hours(1);
/** Results told between two records are not counted by the journal: after a restart numbers leave a gap. */
const SEQ_GAP = 1000;

interface Parts {
  readonly journal: Journal;
  readonly clock: Clock;
  readonly log: Log;
}

/** What a former process left. */
export interface Recalled {
  /** The newest run of each node. */
  readonly last: readonly Run[];
  /** Runs that have not ended, to be taken up. */
  readonly open: readonly Run[];
  /** Whether the journal was put back from a backup since. */
  readonly wasRestored: boolean;
}

/** Reads what a former process left in the journal. What a backup holds open is given up. */
export async function recall({ journal, clock, log }: Parts): Promise<Recalled> {
  await journal.prune(clock.now(), REMEMBER_MS);
  const restored = await journal.restored();
  if (restored) await giveUp(restored, { journal, clock, log });
  const open = await journal.open();
  return {
    last: await journal.last(),
    open: open.map((run) => ({ ...run, seq: run.seq + SEQ_GAP })),
    wasRestored: restored !== undefined,
  };
}

/** Forgets what is old, every hour, until the returned function is called. */
export function forgetOld({ journal, clock, log }: Parts): () => void {
  return clock.every(PRUNE_EVERY, () => {
    journal.prune(clock.now(), REMEMBER_MS).catch((error: unknown) => {
      log.warn({ err: error }, "old commands could not be forgotten; it is tried again in an hour");
    });
  });
}

/** What a backup holds open may have been done since, and the world has gone on: nothing of it acts. */
async function giveUp(restored: Restored, { journal, clock, log }: Parts): Promise<void> {
  const detail = `the power service was put back from a backup of ${restored.backupAt}, in which this had not ended; what became of it is not known, and nothing more is done for it`;
  const outcome = {
    status: "Unknown",
    reasonCode: "interrupted",
    detail,
    endedAt: timestamp(clock),
  } as const;
  const ended = (await journal.open()).map((run): Run => ({
    ...run,
    seq: run.seq + SEQ_GAP,
    phase: { kind: "done", outcome },
  }));
  await journal.settle(restored, ended, outcome);
  log.warn(
    { commands: ended.length, backupAt: restored.backupAt },
    "put back from a backup: commands that it held open are given up",
  );
}
