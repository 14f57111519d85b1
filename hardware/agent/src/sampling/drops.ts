/** Readings that are gone because there was no room for them. */
export interface Drop {
  /** Number of the first batch after them. */
  readonly before: number;
  readonly readings: number;
  /** When the first and the last of them were taken, by the agent's calendar, in milliseconds since 1970. */
  readonly sinceMs: number;
  readonly untilMs: number;
}

/** What was dropped and not told yet, so that it is told with the batch that comes after it. Pure. */
export class Drops {
  /** By `before`, ascending. */
  #drops: Drop[];

  constructor(drops: readonly Drop[] = []) {
    this.#drops = [...drops];
  }

  get all(): readonly Drop[] {
    return this.#drops;
  }

  /** @param from number of the first batch that is gone: what was to be told with one of these is told with the next */
  add(from: number, drop: Drop): void {
    const merged = this.#drops.filter(({ before }) => before >= from && before <= drop.before);
    const others = this.#drops.filter((one) => !merged.includes(one));
    this.#drops = [...others, sumOf([...merged, drop])].toSorted((a, b) => a.before - b.before);
  }

  /** What is told with a batch. @param after number of the batch that was sent before it */
  between(after: number, seq: number): Drop | undefined {
    const told = this.#drops.filter(({ before }) => before > after && before <= seq);
    return told.length === 0 ? undefined : sumOf(told);
  }

  /** Batches up to a number are stored, and what was told with them is known. @returns whether there was any */
  told(acknowledged: number): boolean {
    const left = this.#drops.filter(({ before }) => before > acknowledged);
    const any = left.length < this.#drops.length;
    this.#drops = left;
    return any;
  }
}

function sumOf(drops: readonly Drop[]): Drop {
  return {
    before: Math.max(...drops.map(({ before }) => before)),
    readings: drops.reduce((sum, { readings }) => sum + readings, 0),
    sinceMs: Math.min(...drops.map(({ sinceMs }) => sinceMs)),
    untilMs: Math.max(...drops.map(({ untilMs }) => untilMs)),
  };
}
