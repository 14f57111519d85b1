import { setTimeout as delay } from "node:timers/promises";

export interface EventuallyOptions {
  /** Default 20,000: far above what is expected, because the machine may be busy. */
  readonly withinMs?: number;
  readonly everyMs?: number;
}

/**
 * Polls until `check` gives something true and resolves with it. A check that throws is not there yet.
 * @throws Error with `what`, and the last error of the check as its cause, when the time is up
 */
export async function eventually<T>(
  what: string,
  check: () => T | Promise<T>,
  options: EventuallyOptions = {},
): Promise<Exclude<T, false | null | undefined | 0 | "">> {
  const { withinMs = 20_000, everyMs = 10 } = options;
  const endMs = performance.now() + withinMs;
  for (;;) {
    let cause: unknown;
    try {
      const value = await check();
      if (value) return value as Exclude<T, false | null | undefined | 0 | "">;
    } catch (error) {
      cause = error;
    }
    if (performance.now() > endMs) {
      const last = cause instanceof Error ? ` (last: ${cause.message})` : "";
      throw new Error(`not within ${withinMs} ms: ${what}${last}`, { cause });
    }
    await delay(everyMs);
  }
}

/** A signal for a wait in a test. */
export function within(ms = 20_000): AbortSignal {
  return AbortSignal.timeout(ms);
}
