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
