import type { PowerResult } from "@outrider/contracts/power";

interface Waiter {
  readonly terminal: (result: PowerResult) => void;
}

/** The last result of each of the last commands, for whoever asks after one, and those who wait for one to end. */
export class Results {
  readonly #last = new Map<string, PowerResult>();
  readonly #waiters = new Map<string, Set<Waiter>>();

  constructor(private readonly capacity = 20_000) {}

  take(node: string, result: PowerResult): void {
    const key = `${node} ${result.id}`;
    const before = this.#last.get(key);
    // Results of one id by two actors have one key: the later one counts here, the service keeps both.
    if (before && before.actor === result.actor && before.seq > result.seq) return;
    this.#last.delete(key);
    this.#last.set(key, result);
    if (this.#last.size > this.capacity) {
      const [oldest] = this.#last.keys();
      if (oldest !== undefined) this.#last.delete(oldest);
    }
    if (!result.terminal) return;
    for (const waiter of this.#waiters.get(key) ?? []) waiter.terminal(result);
  }

  find(node: string, id: string): PowerResult | undefined {
    return this.#last.get(`${node} ${id}`);
  }

  /** Resolves with the terminal result of a command that is asked for after this call. Forgotten when disposed. */
  terminal(node: string, id: string): Disposable & { readonly result: Promise<PowerResult> } {
    const key = `${node} ${id}`;
    const { promise, resolve } = Promise.withResolvers<PowerResult>();
    const waiter: Waiter = { terminal: resolve };
    const waiters = this.#waiters.get(key) ?? new Set();
    waiters.add(waiter);
    this.#waiters.set(key, waiters);
    return {
      result: promise,
      [Symbol.dispose]: () => {
        waiters.delete(waiter);
        if (waiters.size === 0 && this.#waiters.get(key) === waiters) this.#waiters.delete(key);
      },
    };
  }
}
