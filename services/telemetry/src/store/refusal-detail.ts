import type { PointGate } from "./point-gate.js";
import type { SeriesRegistry } from "./series-registry.js";

/** What a person has to know of points that are refused for want of room for their series. */
export function refusalDetail(gate: PointGate, registry: SeriesRegistry): string | undefined {
  if (registry.size < registry.limit || gate.crowdedOut === 0) return undefined;
  return `${registry.limit} series were written within a day, which is the limit: values of others are left out (${gate.crowdedOut} so far). Look for names that change all the time, or raise the limit (OUTRIDER_TELEMETRY_SERIES).`;
}
