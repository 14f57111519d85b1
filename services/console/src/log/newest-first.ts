interface Item<T> {
  readonly micros: number;
  readonly order: number;
  readonly item: T;
}

/** A heap: gives out what has the largest time first; of those at one time, what has the largest place in its order. */
export class NewestFirst<T> {
  readonly #items: Item<T>[] = [];

  get newest(): number | undefined {
    return this.#items[0]?.micros;
  }

  /** @param order tells apart what came at one time */
  push(micros: number, order: number, item: T): void {
    const items = this.#items;
    let at = items.push({ micros, order, item }) - 1;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (!this.#before(at, parent)) break;
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
      if (child + 1 < items.length && this.#before(child + 1, child)) child++;
      if (!this.#before(child, at)) break;
      this.#swap(at, child);
      at = child;
    }
    return top.item;
  }

  #before(a: number, b: number): boolean {
    const [one, other] = [this.#items[a] as Item<T>, this.#items[b] as Item<T>];
    return one.micros === other.micros ? one.order > other.order : one.micros > other.micros;
  }

  #swap(a: number, b: number): void {
    const items = this.#items;
    [items[a], items[b]] = [items[b] as Item<T>, items[a] as Item<T>];
  }
}
