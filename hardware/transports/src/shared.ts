import type { Clock } from "@outrider/ports/time";

/** Something that all who name the same share, made for the first and disposed with the last of them. */
export interface Share<T> extends Disposable {
  readonly value: T;
}

/** Makes one thing per key. Keys may hold secrets: they are compared and never shown. */
export class Shared<T extends Disposable> {
  readonly #held = new Map<string, { readonly value: T; users: number }>();

  /** @param make is called when nobody has it yet */
  take(key: string, make: () => T): Share<T> {
    const entry = this.#held.get(key) ?? { value: make(), users: 0 };
    this.#held.set(key, entry);
    entry.users += 1;
    let returned = false;
    return {
      value: entry.value,
      [Symbol.dispose]: () => {
        if (returned) return;
        returned = true;
        entry.users -= 1;
        if (entry.users > 0) return;
        if (this.#held.get(key) === entry) this.#held.delete(key);
        entry.value[Symbol.dispose]();
      },
    };
  }
}

/** Makes one thing per key and clock: one device may be spoken to in the time of several tests. */
export class SharedByClock<T extends Disposable> {
  readonly #shared = new WeakMap<Clock, Shared<T>>();

  /** @param make is called when nobody of this clock has it yet */
  take(clock: Clock, key: string, make: () => T): Share<T> {
    const shared = this.#shared.get(clock) ?? new Shared<T>();
    this.#shared.set(clock, shared);
    return shared.take(key, make);
  }
}

/** Makes one device per key that takes its time to close: who comes meanwhile waits for that and has a new one. */
export class SharedDevices<T extends AsyncDisposable> {
  readonly #held = new Map<string, { readonly value: T; users: number }>();
  readonly #closing = new Map<string, Promise<void>>();

  /** @param make is called when nobody has it yet; must do no input or output */
  async take(key: string, make: () => T): Promise<{ readonly value: T } & AsyncDisposable> {
    while (this.#closing.has(key)) await this.#closing.get(key);
    const entry = this.#held.get(key) ?? { value: make(), users: 0 };
    this.#held.set(key, entry);
    entry.users += 1;
    let returned = false;
    return {
      value: entry.value,
      [Symbol.asyncDispose]: async () => {
        if (returned) return;
        returned = true;
        entry.users -= 1;
        if (entry.users > 0) return;
        this.#held.delete(key);
        const closed = Promise.resolve(entry.value[Symbol.asyncDispose]()).finally(() =>
          this.#closing.delete(key),
        );
        this.#closing.set(key, closed);
        await closed;
      },
    };
  }
}
