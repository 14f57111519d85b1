import type { Edge } from "@outrider/simulators/spawn";

/** How the starts of a rack fell, by its own log. */
export interface Starts {
  readonly closestMs: number;
  readonly mostAtOnce: number;
  readonly mostWatts: number;
}

/** @param startDurationMs how long a start goes on, from its edge at least */
export function startsOf(edges: readonly Edge[], startDurationMs: number): Starts {
  const ons = edges.filter(({ edge }) => edge === "supply-on").map((edge) => edge.monotonicMs);
  const gaps = ons.slice(1).map((at, index) => at - (ons[index] ?? at));
  const atOnce = ons.map((at) => ons.filter((on) => on <= at && at < on + startDurationMs).length);
  return {
    closestMs: Math.min(...gaps),
    mostAtOnce: Math.max(...atOnce),
    mostWatts: Math.max(...edges.map(({ totalWatts = 0 }) => totalWatts)),
  };
}
