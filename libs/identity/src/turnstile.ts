/** Too many are waiting. Whoever was turned away may come again later. */
export class BusyError extends Error {
  override readonly name = "BusyError";
}

/** Lets a few through at once, keeps a bounded number waiting in order, and turns the rest away. */
export class Turnstile {
  readonly #places: number;
  readonly #seats: number;
  readonly #waiting: (() => void)[] = [];
  #inside = 0;

  /** @param places how many run at once @param seats how many may wait */
  constructor(places: number, seats: number) {
    this.#places = places;
    this.#seats = seats;
  }

  /** @throws BusyError when all seats are taken, and whatever `work` throws */
  async pass<T>(work: () => Promise<T>): Promise<T> {
    if (this.#inside < this.#places) this.#inside++;
    else if (this.#waiting.length >= this.#seats) throw new BusyError("too many are waiting");
    else await new Promise<void>((resolve) => this.#waiting.push(resolve));
    try {
      return await work();
    } finally {
      const next = this.#waiting.shift();
      if (next) next();
      else this.#inside--;
    }
  }
}
