import type { Clock, Duration } from "@outrider/ports/time";

/** Looks at many things together, every so often, as long as there is something to look at. */
export class SharedTick {
  readonly #looks = new Set<() => boolean>();
  #stop: (() => void) | undefined;

  constructor(
    private readonly clock: Clock,
    private readonly every: Duration,
  ) {}

  /** @param look is called at each tick until it returns false */
  add(look: () => boolean): void {
    this.#looks.add(look);
    this.#stop ??= this.clock.every(this.every, () => this.#tick());
  }

  remove(look: () => boolean): void {
    this.#looks.delete(look);
    this.#stopIfIdle();
  }

  #tick(): void {
    for (const look of this.#looks) if (!look()) this.#looks.delete(look);
    this.#stopIfIdle();
  }

  #stopIfIdle(): void {
    if (this.#looks.size > 0) return;
    this.#stop?.();
    this.#stop = undefined;
  }
}

const ticks = new WeakMap<Clock, Map<Duration, SharedTick>>();

/** The tick of that span that all of this process share. */
export function sharedTick(clock: Clock, every: Duration): SharedTick {
  const known = ticks.get(clock) ?? new Map<Duration, SharedTick>();
  ticks.set(clock, known);
  const tick = known.get(every) ?? new SharedTick(clock, every);
  known.set(every, tick);
  return tick;
}
