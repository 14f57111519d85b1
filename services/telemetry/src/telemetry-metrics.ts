import type { AgentId } from "@outrider/contracts/ids";
import { ALARM_SEVERITIES, type AlarmState } from "@outrider/contracts/telemetry";
import type { Metrics } from "@outrider/service-kit/metrics";
import type { Store } from "./store/store.js";

export interface Measured {
  readonly store: Pick<Store, "health">;
  /** How far the calendars of agents are ahead, in milliseconds. */
  readonly offsets: () => Iterable<readonly [AgentId, number]>;
  /** Alarms that stand. */
  readonly standing: () => Iterable<Pick<AlarmState, "severity">>;
}

/** What is told of store, clocks and alarms beside the counts of the intake. */
export function measureTelemetry(metrics: Metrics, { store, offsets, standing }: Measured): void {
  metrics.gauge(
    "outrider_telemetry_store_degraded",
    "1 while the store of what is measured has a problem; the service's health says which.",
    () => Number(store.health().state === "degraded"),
  );
  for (const [key, name, help] of STORE) {
    metrics.gauge(`outrider_telemetry_${name}`, help, () => store.health()[key]);
  }
  metrics.gauges(
    "outrider_agent_clock_offset_seconds",
    "How far the calendar of an agent is ahead, negative when it is behind; 0 within the tolerance.",
    "agent",
    () => Array.from(offsets(), ([agent, ms]) => [agent, ms / 1000] as const),
  );
  metrics.gauges("outrider_alarms", "Alarms that stand, of whatever.", "severity", () => {
    const counts = new Map(ALARM_SEVERITIES.map((severity) => [severity, 0]));
    for (const { severity } of standing()) {
      counts.set(severity, (counts.get(severity) ?? 0) + 1);
    }
    return counts;
  });
}

const STORE = [
  ["spooledPoints", "points_spooled", "Points that are kept here, and not yet in the database."],
  ["spooledBytes", "spool_bytes", "What they take on the disk."],
  ["droppedPoints", "points_dropped", "Points that were lost since the start of the process."],
  ["refusedPoints", "points_refused", "Points that were no valid ones, or of a series too many."],
  ["series", "series", "Series that were written in the last day."],
] as const;
