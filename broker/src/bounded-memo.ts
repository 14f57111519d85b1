/** Remembers what was computed for a key, up to a number of keys; then it starts anew. Never a source of truth. */
export class BoundedMemo<V> {
  readonly #max: number;
  readonly #make: (key: string) => V;
  readonly #values = new Map<string, V>();

  constructor(max: number, make: (key: string) => V) {
    this.#max = max;
    this.#make = make;
  }

  get(key: string): V {
    let value = this.#values.get(key);
    if (value === undefined) {
      value = this.#make(key);
      // Emptying costs less than keeping an order of use, and only whoever makes up topics gets here.
      if (this.#values.size >= this.#max) this.#values.clear();
      this.#values.set(key, value);
    }
    return value;
  }
}
