import { milliseconds, type Clock } from "@outrider/ports/time";

const FIRST_PAUSE_MS = 250;
const LONGEST_PAUSE_MS = 5000;

/**
 * Keeps listening to a device: runs `listen` again whenever it fails, with growing pauses, until disposed.
 * @param changed called when the device is heard for the first time or again, and once when it was lost
 * @param listen listens until it fails; calls `heard` once it does hear the device
 */
export function retrying(
  clock: Clock,
  changed: () => void,
  listen: (heard: () => void, signal: AbortSignal) => Promise<void>,
): Disposable {
  const disposed = new AbortController();
  const { signal } = disposed;
  const run = async (): Promise<void> => {
    let pauseMs = FIRST_PAUSE_MS;
    while (!signal.aborted) {
      let hearing = false;
      const heard = (): void => {
        hearing = true;
        pauseMs = FIRST_PAUSE_MS;
        if (!signal.aborted) changed();
      };
      // Why it failed is said by the read that follows; saying it here as well would say it twice.
      await listen(heard, signal).catch(() => {});
      if (hearing && !signal.aborted) changed();
      await clock.sleep(milliseconds(pauseMs), signal).catch(() => {});
      pauseMs = Math.min(pauseMs * 2, LONGEST_PAUSE_MS);
    }
  };
  void run();
  return { [Symbol.dispose]: () => disposed.abort() };
}
