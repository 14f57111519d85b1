import type { NodeLog } from "./node-log.js";

interface RetentionHost {
  readonly nowMs: number;
  readonly maxTotalBytes: number;
  /** A segment that must not be dropped now. */
  isBusy(segment: unknown): boolean;
}

/** Before the first of Outrider: the clock of a host without a battery that has not heard the time yet. */
const IMPLAUSIBLE_MICROS = Date.UTC(2021, 0, 1) * 1000;

/** Whether a time says anything of an age. What has no such time goes for its size only. */
export function isPlausible(micros: number): boolean {
  return micros >= IMPLAUSIBLE_MICROS;
}

/** Drops the oldest of one log: what is too old, and what is too much. @returns how many segments */
export async function trimLog(log: NodeLog, host: RetentionHost): Promise<number> {
  const { maxBytes, maxAgeMs } = log.bounds;
  const oldestMicros = (host.nowMs - maxAgeMs) * 1000;
  let dropped = 0;
  for (;;) {
    const oldest = log.segments[0];
    const lastMicros = oldest?.lastMicros ?? Number.POSITIVE_INFINITY;
    const isOld = lastMicros < oldestMicros && isPlausible(lastMicros);
    if (!isOld && log.bytesOnDisk <= maxBytes) return dropped;
    if (!(await dropOldest(log, host))) return dropped;
    dropped++;
  }
}

/**
 * Drops the oldest over all logs until they keep to their bound. A log that has no more than its even share is spared
 * while another one has more, so that one that floods does not cost the others theirs.
 */
export async function trimAll(logs: readonly NodeLog[], host: RetentionHost): Promise<number> {
  let dropped = 0;
  const share = host.maxTotalBytes / Math.max(1, logs.length);
  const spent = new Set<NodeLog>();
  for (;;) {
    const total = logs.reduce((sum, log) => sum + log.bytesOnDisk, 0);
    if (total <= host.maxTotalBytes) return dropped;
    const [oldest] = logs
      .filter((log) => log.bytesOnDisk > share && !spent.has(log))
      .toSorted((a, b) => (a.segments[0]?.lastMicros ?? 0) - (b.segments[0]?.lastMicros ?? 0));
    if (!oldest) return dropped;
    if (await dropOldest(oldest, host)) dropped++;
    else spent.add(oldest);
  }
}

async function dropOldest(log: NodeLog, host: RetentionHost): Promise<boolean> {
  if (host.isBusy(log.segments[0])) return false;
  const segment = log.dropOldest();
  await segment?.discard();
  return segment !== undefined;
}
