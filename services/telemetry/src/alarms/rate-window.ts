/** Samples that are kept of one window. */
const MOST = 64;
const SPAN_MS = { minute: 60_000, hour: 3_600_000 } as const;

/** How fast a value has changed in the last while. Times are of a monotonic clock. */
export class RateWindow {
  readonly #samples: { readonly atMs: number; readonly value: number }[] = [];

  /** @param overMs how far back is looked */
  constructor(
    private readonly overMs: number,
    private readonly per: keyof typeof SPAN_MS,
  ) {}

  /**
   * Takes a value.
   * @returns the change in one span; undefined before half of the window has been seen
   */
  add(atMs: number, value: number): number | undefined {
    const samples = this.#samples;
    // One sample before the window's begin is kept, so that slow sensors have two.
    while (samples.length > 1 && (samples[1]?.atMs ?? atMs) <= atMs - this.overMs) samples.shift();
    const last = samples.at(-1);
    const first = samples[0];
    if (!last || atMs - last.atMs >= this.overMs / MOST) samples.push({ atMs, value });
    if (!first) return undefined;
    const seenMs = atMs - first.atMs;
    return seenMs < this.overMs / 2
      ? undefined
      : ((value - first.value) / seenMs) * SPAN_MS[this.per];
  }

  /** Nothing is known any more of what was. */
  clear(): void {
    this.#samples.length = 0;
  }
}

/** The mean of a value over the last while, weighted by time: what stands between two samples is the earlier one. */
export class MeanWindow {
  readonly #steps: { readonly atMs: number; readonly value: number }[] = [];

  /** @param overMs 0: the value itself */
  constructor(private readonly overMs: number) {}

  add(atMs: number, value: number): number {
    if (this.overMs === 0) return value;
    const steps = this.#steps;
    const fromMs = atMs - this.overMs;
    while (steps.length > 1 && (steps[1]?.atMs ?? atMs) <= fromMs) steps.shift();
    const last = steps.at(-1);
    // What comes more often is of the step that it comes in.
    if (!last || atMs - last.atMs >= this.overMs / MEAN_STEPS) steps.push({ atMs, value });
    let sum = 0;
    for (const [index, step] of steps.entries()) {
      const untilMs = steps[index + 1]?.atMs ?? atMs;
      sum += step.value * (untilMs - Math.max(step.atMs, fromMs));
    }
    const seenMs = atMs - Math.max(steps[0]?.atMs ?? atMs, fromMs);
    return seenMs <= 0 ? value : sum / seenMs;
  }
}
const MEAN_STEPS = 360;
