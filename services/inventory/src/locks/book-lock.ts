import type { CommandId, NodeId } from "@outrider/contracts/ids";
import type { LockState } from "@outrider/contracts/lock";

/** A lock over a set of nodes. */
export interface BookLock {
  readonly id: CommandId;
  /** Place in the order of asking; unique. */
  readonly order: number;
  readonly state: LockState;
  readonly holder: string;
  readonly reason?: string | undefined;
  readonly nodes: readonly NodeId[];
  readonly priority: number;
  readonly leaseMs: number;
  readonly askedAt: string;
  readonly since?: string | undefined;
  /** For people; the lease ends at {@link deadlineMs}. */
  readonly until?: string | undefined;
  /** End of the lease by the monotonic clock of this process, in milliseconds; while it is held. */
  readonly deadlineMs?: number | undefined;
  readonly endedAt?: string | undefined;
  readonly endedBy?: string | undefined;
}

/** One instant by both clocks. */
export interface Instant {
  readonly wall: Date;
  readonly monotonicMs: number;
}

/** The end of a lease that begins now, by both clocks. */
export function leaseUntil(now: Instant, leaseMs: number): Pick<BookLock, "until" | "deadlineMs"> {
  return {
    until: new Date(now.wall.getTime() + leaseMs).toISOString(),
    deadlineMs: now.monotonicMs + leaseMs,
  };
}
