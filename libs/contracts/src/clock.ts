/** A span of time in milliseconds. Made by {@link milliseconds}, {@link seconds}, {@link minutes} or {@link parseDuration}. */
declare const duration: unique symbol;
export type Duration = number & { readonly [duration]: true };

export const milliseconds = (n: number): Duration => n as Duration;
export const seconds = (n: number): Duration => (n * 1000) as Duration;
export const minutes = (n: number): Duration => (n * 60_000) as Duration;
export const hours = (n: number): Duration => (n * 3_600_000) as Duration;

const UNITS: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
};
export const DURATION_PATTERN = /^(\d{1,9}(?:\.\d{1,3})?)(ms|s|m|h|d)$/;

/** Reads `500ms`, `2s`, `1.5m`, `1h`, `7d`, to the millisecond. Undefined when the text is none of these. */
export function parseDuration(text: string): Duration | undefined {
  const match = DURATION_PATTERN.exec(text);
  if (!match) return undefined;
  // 1.001 s is 1000.9999… in floating point, and durations are sent as integers.
  return Math.round(Number(match[1]) * (UNITS[match[2] ?? ""] ?? Number.NaN)) as Duration;
}

/**
 * Where all time comes from. Tests hand in a virtual one.
 *
 * `monotonicMs` never goes back and is unrelated to the calendar; deadlines use it.
 * `now` is for people and may jump.
 */
export interface Clock {
  now(): Date;
  monotonicMs(): number;
  /** Resolves after `span`. @throws the signal's reason when it is aborted first. */
  sleep(span: Duration, signal?: AbortSignal): Promise<void>;
  /** Calls `run` every `span`, at most 24 days, until the returned function is called. */
  every(span: Duration, run: () => void): () => void;
}

export const systemClock: Clock = {
  now: () => new Date(),
  monotonicMs: () => performance.now(),
  sleep: (span, signal) =>
    new Promise((resolve, reject) => {
      if (signal?.aborted) return reject(signal.reason);
      const abort = (): void => {
        disarm();
        reject(signal?.reason);
      };
      const disarm = after(span, () => {
        signal?.removeEventListener("abort", abort);
        resolve();
      });
      signal?.addEventListener("abort", abort, { once: true });
    }),
  every: (span, run) => {
    if (span > LONGEST_TIMER_MS) throw new RangeError("a repeated span is at most 24 days");
    const timer = setInterval(run, span);
    return () => clearInterval(timer);
  },
};

/** What a timer can hold; Node fires one that is longer at once. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

/** Calls `run` after `span`, however long, unless the returned function is called before. */
function after(span: number, run: () => void): () => void {
  let left = span;
  let timer: NodeJS.Timeout;
  const arm = (): void => {
    const next = Math.min(left, LONGEST_TIMER_MS);
    left -= next;
    timer = setTimeout(() => (left > 0 ? arm() : run()), next);
  };
  arm();
  return () => clearTimeout(timer);
}

/** RFC 3339 in UTC with milliseconds, the one form of a time on the wire. */
export function timestamp(clock: Pick<Clock, "now">): string {
  return clock.now().toISOString();
}
