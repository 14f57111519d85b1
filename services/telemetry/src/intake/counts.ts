import type { Count, Metrics } from "@outrider/service-kit/metrics";
import type { PointWriter } from "./point-writer.js";

/** Why a reading, or a value of one, is not stored. */
export const REFUSALS = [
  "malformed",
  "not-declared",
  "impossible-time",
  "impossible-value",
] as const;
/**
 * - `malformed`: the message could not be read
 * - `not-declared`: no endpoint that its agent has
 * - `impossible-time`: before 2020 or in the future, or no time at all
 * - `impossible-value`: outside of what its quantity can be, or of an unknown quantity
 */
export type Refusal = (typeof REFUSALS)[number];

/** What the service counts of its intake. */
export interface IntakeCounts {
  readonly readings: Count;
  readonly refused: Count;
  /** Readings that agents could not keep until they were stored, or that could not be read. */
  readonly lost: Count;
}

export function measureIntake(metrics: Metrics, writer: PointWriter): IntakeCounts {
  metrics.gauge(
    "outrider_telemetry_points_waiting",
    "Points that wait for the store.",
    () => writer.waiting,
  );
  metrics.gauge(
    "outrider_telemetry_points_written",
    "Points that the store has taken since the start.",
    () => writer.written,
  );
  return {
    readings: metrics.counter(
      "outrider_telemetry_readings_total",
      "Readings of sensors and heartbeats that were taken into the store.",
    ),
    refused: metrics.counter(
      "outrider_telemetry_refused_total",
      "Readings, or values of them, that were not stored.",
      ["why"],
    ),
    lost: metrics.counter(
      "outrider_telemetry_lost_readings_total",
      "Readings that agents dropped because they could not keep more, or that could not be read.",
    ),
  };
}
