/** Counts the calls of a watch and lets a test wait for them. */
export interface ChangeCounter {
  readonly call: () => void;
  readonly count: () => number;
  /** Resolves once there have been so many calls. @throws the signal's reason */
  reaches(calls: number, signal: AbortSignal): Promise<void>;
  /** Asks at each call from now on, and only then, until the answer is yes. @throws the signal's reason */
  until(ask: () => Promise<boolean>, signal: AbortSignal): Promise<void>;
}

export function changeCounter(): ChangeCounter {
  let count = 0;
  const waiting = new Set<() => void>();
  const next = (signal: AbortSignal): Promise<void> =>
    new Promise((resolve, reject) => {
      const wake = (): void => {
        waiting.delete(wake);
        resolve();
      };
      waiting.add(wake);
      signal.addEventListener("abort", () => reject(signal.reason as Error), { once: true });
    });
  const until = async (
    from: number,
    ask: () => Promise<boolean>,
    signal: AbortSignal,
  ): Promise<void> => {
    for (let asked = from; ;) {
      if (count === asked) await next(signal);
      // Calls during the question count as one more question.
      asked = count;
      if (await ask()) return;
    }
  };
  return {
    call: () => {
      count++;
      for (const wake of waiting) wake();
    },
    count: () => count,
    reaches: async (calls, signal) => {
      await until(count - 1, () => Promise.resolve(count >= calls), signal);
    },
    until: (ask, signal) => until(count, ask, signal),
  };
}
