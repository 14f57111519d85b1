import { PortError } from "./port-error.js";
import type { Clock, Duration } from "./time.js";

/** Made once: without a reason, each abort makes an error with a stack, which costs more than all else in here. */
const FINISHED = new Error("finished in time");

/**
 * Runs `work` for at most `limit` and at most until `signal` is aborted. Rejects at once in either case,
 * whether or not `work` heeds the signal that it is handed.
 * @param what names device and request: "The chassis at /run/c.sock (GET /slots/1)"
 * @throws PortError `timed-out` at the limit, and when `signal` itself was a timeout
 * @throws the reason of `signal` when it was aborted for anything else
 */
export async function withDeadline<T>(
  clock: Clock,
  limit: Duration,
  signal: AbortSignal,
  what: string,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  if (signal.aborted) throw reasonOf(signal, what);
  const within = new AbortController();
  const finished = new AbortController();
  const giveUp = (): void => within.abort(reasonOf(signal, what));
  signal.addEventListener("abort", giveUp, { once: true });
  clock.sleep(limit, finished.signal).then(
    () => within.abort(new PortError("timed-out", `${what} did not answer within ${limit} ms.`)),
    () => {},
  );
  try {
    return await new Promise<T>((resolve, reject) => {
      within.signal.addEventListener("abort", () => reject(within.signal.reason as Error), {
        once: true,
      });
      work(within.signal).then(resolve, reject);
    });
  } catch (error) {
    // What `work` makes of being aborted is less telling than why it was.
    throw within.signal.aborted ? (within.signal.reason as Error) : error;
  } finally {
    signal.removeEventListener("abort", giveUp);
    finished.abort(FINISHED);
  }
}

/** Why a signal was aborted, as the one who waits for `what` is told it. */
export function reasonOf(signal: AbortSignal, what: string): Error {
  const reason = signal.reason as Error;
  return reason.name === "TimeoutError"
    ? new PortError("timed-out", `${what} did not answer in time.`, { cause: reason })
    : reason;
}
