/** A heap: gives out what has the largest time first. */
export class NewestFirst<T> {
  readonly #items: { readonly micros: number; readonly item: T }[] = [];

  get newest(): number | undefined {
    return this.#items[0]?.micros;
  }

  push(micros: number, item: T): void {
    const items = this.#items;
    let at = items.push({ micros, item }) - 1;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (this.#micros(parent) >= this.#micros(at)) break;
      this.#swap(at, parent);
      at = parent;
    }
  }

  pop(): T | undefined {
    const items = this.#items;
    const top = items[0];
    const last = items.pop();
    if (!top || !last || items.length === 0) return top?.item;
    items[0] = last;
    for (let at = 0; ;) {
      let child = 2 * at + 1;
      if (child >= items.length) break;
      if (child + 1 < items.length && this.#micros(child + 1) > this.#micros(child)) child++;
      if (this.#micros(at) >= this.#micros(child)) break;
      this.#swap(at, child);
      at = child;
    }
    return top.item;
  }

  #micros(at: number): number {
    return this.#items[at]?.micros ?? Number.NEGATIVE_INFINITY;
  }

  #swap(a: number, b: number): void {
    const items = this.#items;
    [items[a], items[b]] = [items[b] as (typeof items)[0], items[a] as (typeof items)[0]];
  }
}
