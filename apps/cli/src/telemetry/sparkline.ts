const BLOCKS = ["▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"] as const;
/** Of what does not change: neither high nor low. */
const LEVEL = BLOCKS[3];

/** A value at a time. */
export interface Dot {
  readonly atMs: number;
  readonly value: number;
}

/**
 * Values over time on one line: as many characters as columns, each for the mean of what fell into its part of the
 * span. A part without values is a blank, so that a gap looks like one.
 */
export function sparkline(
  dots: readonly Dot[],
  { fromMs, toMs }: { readonly fromMs: number; readonly toMs: number },
  columns: number,
): string {
  const sums = Array.from({ length: columns }, () => ({ sum: 0, count: 0 }));
  for (const { atMs, value } of dots) {
    const part = sums[Math.floor(((atMs - fromMs) / (toMs - fromMs)) * columns)];
    if (!part) continue;
    part.sum += value;
    part.count += 1;
  }
  const means = sums.map(({ sum, count }) => (count === 0 ? undefined : sum / count));
  const known = means.filter((mean) => mean !== undefined);
  const least = Math.min(...known);
  const span = Math.max(...known) - least;
  return means
    .map((mean) => {
      if (mean === undefined) return " ";
      // What differs by no more than the noise of numbers is level.
      if (span <= Math.abs(least) * 1e-9) return LEVEL;
      return BLOCKS[Math.min(7, Math.floor(((mean - least) / span) * 8))] ?? LEVEL;
    })
    .join("");
}
