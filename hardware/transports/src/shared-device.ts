/** Devices that many endpoints of this process use together, each by its key; one is closed with its last user. */
export class SharedDevices<T extends AsyncDisposable> {
  readonly #known = new Map<string, { readonly device: T; users: number }>();
  readonly #closing = new Map<string, Promise<void>>();

  /** @param make called where nobody uses it yet; must do no input or output */
  async use(key: string, make: () => T): Promise<{ readonly device: T } & AsyncDisposable> {
    while (this.#closing.has(key)) await this.#closing.get(key);
    const shared = this.#known.get(key) ?? { device: make(), users: 0 };
    this.#known.set(key, shared);
    shared.users += 1;
    let left = false;
    return {
      device: shared.device,
      [Symbol.asyncDispose]: async () => {
        if (left) return;
        left = true;
        shared.users -= 1;
        if (shared.users > 0) return;
        this.#known.delete(key);
        const closed = Promise.resolve(shared.device[Symbol.asyncDispose]()).finally(() =>
          this.#closing.delete(key),
        );
        this.#closing.set(key, closed);
        await closed;
      },
    };
  }
}
