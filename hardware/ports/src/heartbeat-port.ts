import type { Proof } from "@outrider/contracts/reading";

/** What one look for a sign of life saw. */
export interface Heartbeat {
  /** False: nothing was heard in time. That proves nothing: silence is never `Off`. */
  readonly alive: boolean;
  /** Time to the answer, where one was waited for, in milliseconds. */
  readonly tookMs?: number;
  /** What a person should know: who answered, or what was heard instead. */
  readonly detail?: string;
  /** The present boot of the host, where it says it. */
  readonly bootId?: string;
  /** How long its system has been up, in seconds, where it says it. */
  readonly uptimeSeconds?: number;
}

/** One sign of life of a host. */
export interface HeartbeatPort extends AsyncDisposable {
  /** What it proves when it is there. */
  readonly proves: Proof;
  /** Looks once. A host that does not answer is a {@link Heartbeat}; @throws PortError when one could not look · the signal's reason */
  read(signal: AbortSignal): Promise<Heartbeat>;
}
