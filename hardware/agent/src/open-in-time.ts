import type { Clock, Duration } from "@outrider/contracts/clock";
import { withDeadline } from "@outrider/ports/deadline";

export interface OpenInTime<P> {
  readonly clock: Clock;
  readonly limit: Duration;
  /** Gives up opening. */
  readonly signal: AbortSignal;
  /** Names what is opened, for the error. */
  readonly what: string;
  readonly open: (signal: AbortSignal) => Promise<P>;
  /** Is told when what came too late could not be closed. */
  readonly stuck: (error: unknown) => void;
}

/**
 * Opens something within its time. What arrives after that, because its opener does not heed the signal, is closed:
 * nobody else knows of it, and the next try opens another one.
 * @throws PortError `timed-out` at the limit; the reason of `signal`; what `open` throws
 */
export async function openInTime<P extends AsyncDisposable>({
  clock,
  limit,
  signal,
  what,
  open,
  stuck,
}: OpenInTime<P>): Promise<P> {
  let opening: Promise<P> | undefined;
  try {
    return await withDeadline(clock, limit, signal, what, (within) => (opening = open(within)));
  } catch (error) {
    opening?.then(
      (late) => closeLate(late, stuck),
      () => undefined, // It did not open after all, or that is the error which is thrown here.
    );
    throw error;
  }
}

async function closeLate(late: AsyncDisposable, stuck: (error: unknown) => void): Promise<void> {
  try {
    await late[Symbol.asyncDispose]();
  } catch (error) {
    stuck(error);
  }
}
