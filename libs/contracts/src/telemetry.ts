import { Matches } from "class-validator";
import { contract } from "./contract.js";
import {
  ActorText,
  Finite,
  Id,
  MapOf,
  Nested,
  NestedList,
  OneOf,
  Optional,
  OthersOf,
  Text,
  Timestamp,
} from "./decorators.js";
import { ID_PATTERN } from "./ids.js";
import { ABSENCES, QUANTITIES, type Absence, type Quantity } from "./reading.js";

/** What one sensor last measured, by quantity; the name has the unit. */
export type QuantityValues = Partial<Record<Quantity, number>>;
// oxlint-disable-next-line typescript/no-extraneous-class -- it has a property for each quantity; none is spelled twice
export const QuantityValues: new () => QuantityValues = class {};
for (const [quantity, { min, max }] of Object.entries(QUANTITIES)) {
  Finite(min, max)(QuantityValues.prototype as object, quantity);
  Optional()(QuantityValues.prototype as object, quantity);
}

/** Names that no sensor may have, as they say something else beside the sensors of a node. */
export const RESERVED_SENSOR_NAMES = ["at", "absent"] as const;
/** Sensors of one node. */
export const MAX_SENSORS = 64;

const ABSENT_KEY = new RegExp(`${ID_PATTERN.source.slice(0, -1)}(\\.[A-Za-z][A-Za-z0-9]{0,63})?$`);

/** What the sensors of a node last measured. Beside the named properties stand its sensors, by name. */
@OthersOf(ID_PATTERN, () => QuantityValues, MAX_SENSORS)
export class NodeTelemetry {
  /** When the newest of these readings was taken. */
  @Timestamp() at!: string;
  /** By `<sensor>` or `<sensor>.<quantity>`: why there is no value. */
  @Optional() @MapOf(ABSENT_KEY, { words: ABSENCES }, 2000) absent?: Record<string, Absence>;
  [sensor: string]: QuantityValues | Record<string, Absence> | string | undefined;
}

/** The sensors of a node's telemetry, by name. */
export function sensorsIn(telemetry: NodeTelemetry): [sensor: string, values: QuantityValues][] {
  const { at: _, absent: __, ...sensors } = telemetry;
  return Object.entries(sensors as Record<string, QuantityValues>);
}

/** A topic level: the rule, and where it is of a sensor, that. */
export const ALARM_ID_PATTERN = /^[a-z0-9]([a-z0-9-]{0,125}[a-z0-9])?$/;
/** What an alarm or an event is about. */
export const SUBJECT_PATTERN = new RegExp(
  `^(site|(node|agent|domain|service):${ID_PATTERN.source.slice(1, -1)})$`,
);

export const ALARM_KINDS = ["threshold", "rate", "missing", "clock", "silent", "fault"] as const;
/**
 * - `threshold`: a value is beyond a limit for longer than the rule's delay
 * - `rate`: a value changes faster than it should
 * - `missing`: a sensor says nothing any more
 * - `clock`: a calendar is wrong
 * - `silent`: a node that should live, or an agent on which something hangs, gives no sign of life
 * - `fault`: a driver, a device or a service has latched a fault
 */
export type AlarmKind = (typeof ALARM_KINDS)[number];

export const ALARM_SEVERITIES = ["Warning", "Critical"] as const;
export type AlarmSeverity = (typeof ALARM_SEVERITIES)[number];

/** Who has seen an alarm. It stays until what it tells of is over. */
export class AlarmAcknowledgement {
  @ActorText() actor!: string;
  @Timestamp() at!: string;
  @Optional() @Text(500) comment?: string;
}

/** Something that is wrong and should be looked at. */
export class AlarmState {
  /** `<rule>` or `<rule>-<sensor>`; names it among those of its subject. */
  @Matches(ALARM_ID_PATTERN) id!: string;
  @Id() rule!: string;
  @OneOf(ALARM_KINDS) kind!: AlarmKind;
  @OneOf(ALARM_SEVERITIES) severity!: AlarmSeverity;
  /** What is wrong and what to do. */
  @Text(1000) message!: string;
  @Timestamp() raisedAt!: string;
  /** What was measured, and what it should not pass. */
  @Optional() @Finite(-1e18, 1e18) value?: number;
  @Optional() @Finite(-1e18, 1e18) limit?: number;
  @Optional() @Text(20) unit?: string;
  @Optional() @Nested(() => AlarmAcknowledgement) acknowledged?: AlarmAcknowledgement;
}

/** Alarms that are named in the summary of what they are about. */
export const MOST_NAMED_ALARMS = 100;

/** An alarm, named. */
export class NamedAlarm {
  /** `agent:rack-a`, `domain:psu-a`, `service:telemetry` */
  @Matches(SUBJECT_PATTERN) subject!: string;
  @Matches(ALARM_ID_PATTERN) id!: string;
  @OneOf(ALARM_SEVERITIES) severity!: AlarmSeverity;
}

/** The worst of the alarms of an agent, or of what is neither node nor agent. */
export class AlarmSummary {
  /** `OK`: no alarm stands. */
  @OneOf(["OK", ...ALARM_SEVERITIES]) health!: "OK" | AlarmSeverity;
  /** Those that stand, by subject and name. */
  @NestedList(() => NamedAlarm, MOST_NAMED_ALARMS) alarms!: NamedAlarm[];
}

export const nodeTelemetry = contract("node/{node}/telemetry", {
  payload: NodeTelemetry,
  kind: "report",
  writer: "telemetry",
  audience: "public",
  qos: 0,
  retain: false,
  maxBytes: 262_144,
  summary: "What the sensors of a node last measured, at most once a second.",
});

const ALARM = {
  payload: AlarmState,
  kind: "report",
  writer: "telemetry",
  audience: "public",
  qos: 1,
  retain: true,
} as const;

export const nodeAlarm = contract("node/{node}/alarm/{alarm}", {
  ...ALARM,
  summary: "An alarm of a node. Cleared by an empty payload when what it tells of is over.",
});

export const agentAlarm = contract("agent/{agent}/alarm/{alarm}", {
  ...ALARM,
  summary: "An alarm of an agent. Cleared by an empty payload when what it tells of is over.",
});

export const domainAlarm = contract("domain/{domain}/alarm/{alarm}", {
  ...ALARM,
  summary: "An alarm of a power domain. Cleared by an empty payload when what it tells of is over.",
});

export const serviceAlarm = contract("service/{service}/alarm/{alarm}", {
  ...ALARM,
  summary: "An alarm of a service. Cleared by an empty payload when what it tells of is over.",
});

export const agentHealth = contract("agent/{agent}/health", {
  payload: AlarmSummary,
  kind: "report",
  writer: "telemetry",
  audience: "public",
  qos: 1,
  retain: true,
  summary: "The worst alarm of an agent on which something hangs, and which alarms stand.",
});

export const siteHealth = contract("site/health", {
  payload: AlarmSummary,
  kind: "report",
  writer: "telemetry",
  audience: "public",
  qos: 1,
  retain: true,
  summary: "The worst alarm of power domains and services together, and which alarms stand.",
});
