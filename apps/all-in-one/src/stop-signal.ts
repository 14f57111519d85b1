/** One Ctrl-C may come several times: from the terminal, from npm and from the launcher. */
const SAME_PRESS_MS = 1000;
/**
 * Above what all parts together may take, one after the other: 20 s for the agents, which finish what they are doing,
 * and 10 s for each of the others.
 */
const STOP_WITHIN_MS = 60_000;

/**
 * Aborted by the first SIGINT or SIGTERM. A second one, some time later, ends the process at once, and so does a part
 * that takes too long to stop.
 */
export function stopSignal(): AbortSignal {
  const stopping = new AbortController();
  let toldAtMs = 0;
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    process.on(signal, () => {
      if (stopping.signal.aborted) {
        if (performance.now() - toldAtMs > SAME_PRESS_MS) process.exit(130);
        return;
      }
      toldAtMs = performance.now();
      stopping.abort();
      setTimeout(() => {
        process.stderr.write(
          "outrider: a part did not stop in time; the process ends without it\n",
        );
        process.exit(1);
      }, STOP_WITHIN_MS).unref();
    });
  }
  return stopping.signal;
}
