import { HEALTH, LIVENESS, MANAGEMENT } from "./node.js";
import { HOST_VALUES, SUPPLY_VALUES } from "./power.js";
import { ABSENCES, QUANTITIES, type Quantity } from "./reading.js";

/** What stands in a time-series store, under one name from the message to the field. */

export interface FieldMeaning {
  /** As people write it; empty for what has none. */
  readonly unit: string;
  /** What its numbers mean, where they stand for words. */
  readonly codes?: Readonly<Record<number, string>>;
}

export interface MeasurementMeaning {
  readonly tags: readonly string[];
  /** All are floats. */
  readonly fields: Readonly<Record<string, FieldMeaning>>;
  /** A text beside the numbers, where the store can keep one. */
  readonly text?: string;
}

/** Words by the number that is stored for them. */
function codes(words: readonly string[], first = 0): FieldMeaning {
  return {
    unit: "",
    codes: Object.fromEntries(words.map((word, index) => [index + first, word])),
  };
}

const COUNT = { unit: "" } as const;
const quantities = Object.fromEntries(
  Object.entries(QUANTITIES).map(([quantity, { unit }]) => [quantity, { unit }]),
) as Record<Quantity, FieldMeaning>;

export const MEASUREMENTS = {
  /** One point per reading of a sensor. */
  node_sensor: { tags: ["node", "sensor"], fields: quantities },
  /** One point per look for a sign of life. */
  node_heartbeat: {
    tags: ["node", "heartbeat", "proves"],
    fields: {
      alive: codes(["Silent", "Alive"]),
      tookMs: { unit: "ms" },
      uptimeSeconds: { unit: "s" },
    },
  },
  /** Why there was no value. */
  node_absence: { tags: ["node", "sensor", "quantity"], fields: { reason: codes(ABSENCES, 1) } },
  /** On change, and each minute. */
  node_state: {
    tags: ["node"],
    fields: {
      supply: codes(SUPPLY_VALUES),
      host: codes(HOST_VALUES),
      management: codes(MANAGEMENT),
      liveness: codes(LIVENESS),
      health: codes(HEALTH),
    },
  },
  node_event: { tags: ["node", "kind", "severity"], fields: { count: COUNT }, text: "message" },
  /** On change, and each minute while it stands. */
  node_alarm: {
    tags: ["node", "alarm"],
    fields: { severity: codes(["Cleared", "Warning", "Critical"]) },
  },
  /** Of agents (`agent:rack-a`), power domains and services: on change, and each minute while it stands. */
  site_alarm: {
    tags: ["subject", "alarm"],
    fields: { severity: codes(["Cleared", "Warning", "Critical"]) },
  },
  /** Each minute. A node starts while its supply comes on and for a minute after. */
  domain_power: {
    tags: ["domain"],
    fields: { drawWatts: { unit: "W" }, budgetWatts: { unit: "W" }, startsRunning: COUNT },
  },
  /** How far an agent's calendar is from the service's, each minute. */
  agent_clock: { tags: ["agent"], fields: { offsetSeconds: { unit: "s" } } },
  /** Of each service whether it is there, on change and each minute; of telemetry, how its store is. */
  system_health: {
    tags: ["service"],
    fields: {
      up: codes(["Down", "Up"]),
      spooledPoints: COUNT,
      droppedPoints: COUNT,
      series: COUNT,
    },
  },
} as const satisfies Record<string, MeasurementMeaning>;

export type Measurement = keyof typeof MEASUREMENTS;
export type TagOf<M extends Measurement> = (typeof MEASUREMENTS)[M]["tags"][number];
export type FieldOf<M extends Measurement> = keyof (typeof MEASUREMENTS)[M]["fields"] & string;

/** What a field is called in stores that know no measurements, only metrics. */
export function metricName(measurement: string, field: string): string {
  return `${measurement}_${field}`;
}
