import type { Edge } from "@outrider/simulators/spawn";

/** What a power domain allows, and what its nodes draw. */
export interface DomainLimits {
  readonly startSpacingMs: number;
  readonly concurrentStarts?: number;
  /** How long a start goes on after its edge, at least. */
  readonly startDurationMs: number;
  readonly watts?: {
    readonly budget: number;
    readonly running: number;
    readonly starting: number;
  };
}

/** How the starts of a domain fell, by the edges of its supplies. */
export interface Histogram {
  readonly starts: number;
  /** Between two starts one after the other, in milliseconds; infinite when there were fewer than two. */
  readonly closestMs: number;
  readonly mostAtOnce: number;
  readonly mostWatts: number;
  /** From the first start to the last. */
  readonly spanMs: number;
}

interface Change {
  readonly ms: number;
  readonly starting: number;
  readonly running: number;
}

/**
 * Measures P10 on what physically happened, and on nothing that anybody said.
 * @param edges of the domain's slots only
 * @param onBefore slots whose supply was on before the first edge
 */
export function histogramOf(
  edges: readonly Edge[],
  limits: DomainLimits,
  onBefore: readonly number[] = [],
): Histogram {
  const on = new Set(onBefore);
  const startsMs: number[] = [];
  const changes: Change[] = [];
  const startEnds = new Map<number, number>();
  for (const { edge, slot, monotonicMs: ms } of edges) {
    if (edge === "supply-on" && !on.has(slot)) {
      on.add(slot);
      startsMs.push(ms);
      changes.push({ ms, starting: 1, running: 0 });
      startEnds.set(slot, changes.length);
      changes.push({ ms: ms + limits.startDurationMs, starting: -1, running: 1 });
    } else if ((edge === "supply-off" || edge === "brown-out") && on.delete(slot)) {
      const end = startEnds.get(slot);
      const planned = end === undefined ? undefined : changes[end];
      // Lost while it was still starting: the start ends here.
      if (end !== undefined && planned && planned.ms > ms) {
        changes[end] = { ms, starting: -1, running: 0 };
      } else changes.push({ ms, starting: 0, running: -1 });
      startEnds.delete(slot);
    }
  }
  const gaps = startsMs.slice(1).map((ms, at) => ms - (startsMs[at] ?? 0));
  return {
    starts: startsMs.length,
    closestMs: Math.min(Number.POSITIVE_INFINITY, ...gaps),
    ...peaks(changes, limits, onBefore.length),
    spanMs: (startsMs.at(-1) ?? 0) - (startsMs[0] ?? 0),
  };
}

function peaks(
  changes: readonly Change[],
  { watts }: DomainLimits,
  runningBefore: number,
): { mostAtOnce: number; mostWatts: number } {
  let starting = 0;
  let running = runningBefore;
  let mostAtOnce = 0;
  let mostWatts = 0;
  // What ends at an instant ends before what begins at it.
  const inOrder = changes.toSorted((a, b) => a.ms - b.ms || a.starting - b.starting);
  for (const change of inOrder) {
    starting += change.starting;
    running += change.running;
    mostAtOnce = Math.max(mostAtOnce, starting);
    if (watts) mostWatts = Math.max(mostWatts, starting * watts.starting + running * watts.running);
  }
  return { mostAtOnce, mostWatts };
}

/** The rules of the domain that a histogram breaks, each in a sentence. */
export function brokenRules(histogram: Histogram, limits: DomainLimits): string[] {
  const { closestMs, mostAtOnce, mostWatts } = histogram;
  const broken: string[] = [];
  if (closestMs < limits.startSpacingMs)
    broken.push(
      `two starts were ${closestMs} ms apart, at least ${limits.startSpacingMs} demanded`,
    );
  if (limits.concurrentStarts !== undefined && mostAtOnce > limits.concurrentStarts)
    broken.push(`${mostAtOnce} started at once, at most ${limits.concurrentStarts} allowed`);
  if (limits.watts && mostWatts > limits.watts.budget)
    broken.push(`${mostWatts} W were drawn, at most ${limits.watts.budget} allowed`);
  return broken;
}
