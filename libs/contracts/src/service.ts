import { contract } from "./contract.js";
import { Finite, ListOf, MapOf, OneOf, Text, Timestamp } from "./decorators.js";

export const SERVICE_STATES = ["ready", "degraded", "stopping", "lost"] as const;

/** The state of a service's one active instance. `lost` is its will. */
export class ServiceStatus {
  @OneOf(SERVICE_STATES) state!: (typeof SERVICE_STATES)[number];
  /** New at every start of the process. */
  @Text(64) instance!: string;
  @Text(64) version!: string;
  @Timestamp() startedAt!: string;
}

/** A reading of somebody's monotonic clock. Comparable only with readings of the same id. */
export class ClockReading {
  /** New at every start of the process that the clock belongs to. */
  @Text(64) id!: string;
  /** Milliseconds since an arbitrary instant. */
  @Finite(0, Number.MAX_SAFE_INTEGER) ms!: number;
}

/** What this installation is and which topics its people may use. */
export class Site {
  @Text(200) name!: string;
  @Text(64) version!: string;
  @ListOf(/^outrider\/v1\/[\w{}/-]{1,200}$/, 200) topics!: string[];
  /** Title of the JSON Schema of each public topic. */
  @MapOf(/^outrider\/v1\/[\w{}/-]{1,200}$/, { text: 100 }, 200) schemas!: Record<string, string>;
}

export const serviceStatus = contract("service/{service}/status", {
  payload: ServiceStatus,
  kind: "report",
  writer: "service",
  audience: "public",
  qos: 1,
  retain: true,
  will: true,
  summary: "Whether a service is there.",
});

export const serviceClock = contract("service/{service}/clock", {
  payload: ClockReading,
  kind: "report",
  writer: "service",
  audience: "private",
  qos: 0,
  retain: false,
  summary: "The monotonic clock of a service that issues commands, every two seconds.",
});

export const site = contract("site", {
  payload: Site,
  kind: "report",
  writer: "inventory",
  audience: "public",
  qos: 1,
  retain: true,
  summary: "The bus describes itself: name, version, public topics and their schemas.",
});
