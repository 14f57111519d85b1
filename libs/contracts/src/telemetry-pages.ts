import { IsBoolean, Matches } from "class-validator";
import {
  AnyObject,
  Finite,
  Id,
  Integer,
  ListOf,
  MapOf,
  NestedList,
  OneOf,
  Optional,
  Text,
  Timestamp,
  WordList,
} from "./decorators.js";
import { ID_PATTERN, type NodeId } from "./ids.js";
import { MEASUREMENTS, type Measurement } from "./measurements.js";
import { SEVERITIES } from "./node.js";
import {
  ABSENCES,
  PROOFS,
  QUANTITIES,
  type Absence,
  type Proof,
  type Quantity,
} from "./reading.js";
import { ALARM_SEVERITIES, AlarmState, SUBJECT_PATTERN, type AlarmSeverity } from "./telemetry.js";

/**
 * What the telemetry service's own listener is asked, and what it answers: what may be larger than a message. Each page
 * takes a POST whose body is the query as JSON. The gateway has checked who asks, and about which nodes.
 */

const QUANTITY_NAMES = Object.keys(QUANTITIES) as Quantity[];
/** Nodes in one question; more are asked for in parts. */
export const MAX_PAGE_NODES = 1000;
/** Buckets, or single readings, in one answer. */
export const MAX_PAGE_POINTS = 50_000;
const VALUE = 1e18;

/** `/latest` */
export class LatestAsked {
  @ListOf(ID_PATTERN, MAX_PAGE_NODES) nodes!: NodeId[];
}

/** What a sensor last said of one quantity: its value, or why there is none. */
export class LatestValue {
  @OneOf(QUANTITY_NAMES) quantity!: Quantity;
  /** As people write it; empty for what is only yes (1) or no (0). */
  @Text(20) unit!: string;
  @Optional() @Finite(-VALUE, VALUE) value?: number;
  @Optional() @OneOf(ABSENCES) absent?: Absence;
}

/** The last reading of a sensor. */
export class LatestSensor {
  @Id() sensor!: string;
  /** When it was taken. */
  @Timestamp() at!: string;
  @Integer(0) ageMs!: number;
  @Integer(1) staleAfterMs!: number;
  /** Whether it is too old to be relied on. */
  @IsBoolean() stale!: boolean;
  @NestedList(() => LatestValue, 64) values!: LatestValue[];
  /** What a person should know: which device failed how, and what to do. */
  @Optional() @Text(500) problem?: string;
}

/** The last look for a sign of life, and what an answer proves. */
export class LatestHeartbeat {
  @Id() heartbeat!: string;
  @OneOf(PROOFS) proves!: Proof;
  /** False: nothing was heard in time, which proves nothing. Missing: one could not look, see `absent`. */
  @Optional() @IsBoolean() alive?: boolean;
  @Optional() @OneOf(ABSENCES) absent?: Absence;
  @Timestamp() at!: string;
  @Integer(0) ageMs!: number;
  @Integer(1) staleAfterMs!: number;
  @IsBoolean() stale!: boolean;
  @Optional() @Finite(0, 3_600_000) tookMs?: number;
  /** Who answered, or what was heard instead. */
  @Optional() @Text(500) detail?: string;
  @Optional() @Text(64) bootId?: string;
  @Optional() @Finite(0, 1e10) uptimeSeconds?: number;
  @Optional() @Text(500) problem?: string;
}

/** What a node's sensors and heartbeats last said. */
export class NodeSensors {
  @Id() node!: NodeId;
  /** By name. */
  @NestedList(() => LatestSensor, 1000) sensors!: LatestSensor[];
  @NestedList(() => LatestHeartbeat, 1000) heartbeats!: LatestHeartbeat[];
}

/** Of the nodes that were asked for, in their order; one that has never said anything has empty lists. */
export class LatestPage {
  @NestedList(() => NodeSensors, MAX_PAGE_NODES) nodes!: NodeSensors[];
}

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
/** Spans that go into one bucket, as people count time. */
export const EVERY_MS: readonly number[] = [
  ...[1, 2, 5, 10, 15, 30].map((n) => n * SECOND),
  ...[1, 2, 5, 10, 15, 30].map((n) => n * MINUTE),
  ...[1, 2, 3, 6, 12].map((n) => n * HOUR),
  ...[1, 2, 7, 14, 28].map((n) => n * DAY),
];

/** The least span of a bucket with which a time is at most so many of them. */
export function everyFor(spanMs: number, buckets: number): number {
  return EVERY_MS.find((ms) => spanMs / ms <= buckets) ?? 366 * DAY;
}

/** As a person would write it: `30s`, `5m`. */
export function everyText(ms: number): string {
  const unit = (
    [
      ["d", DAY],
      ["h", HOUR],
      ["m", MINUTE],
      ["s", SECOND],
    ] as const
  ).find(([, size]) => ms % size === 0);
  return unit ? `${ms / unit[1]}${unit[0]}` : `${ms}ms`;
}

/** `/readings` */
export class ReadingsAsked {
  @ListOf(ID_PATTERN, MAX_PAGE_NODES) nodes!: NodeId[];
  @Optional() @ListOf(ID_PATTERN, 64) sensors?: string[];
  @Optional() @WordList(QUANTITY_NAMES) quantities?: Quantity[];
  @Timestamp() from!: string;
  /** Not included. */
  @Timestamp() to!: string;
  /** How much time goes into one bucket; 0: the readings themselves. */
  @Integer(0, 366 * 86_400_000) everyMs!: number;
}

/** What was read in one span of time that begins at `at`, or one reading that was taken then. */
export class ReadingPoint {
  @Timestamp() at!: string;
  @Finite(-VALUE, VALUE) mean!: number;
  @Finite(-VALUE, VALUE) min!: number;
  @Finite(-VALUE, VALUE) max!: number;
  @Finite(-VALUE, VALUE) last!: number;
  /** How many readings it is made of. */
  @Integer(0) count!: number;
}

/** One quantity of one sensor over time. A span in which nothing was read has no point. */
export class ReadingSeries {
  @Id() node!: NodeId;
  @Id() sensor!: string;
  @OneOf(QUANTITY_NAMES) quantity!: Quantity;
  @Text(20) unit!: string;
  @NestedList(() => ReadingPoint, MAX_PAGE_POINTS) points!: ReadingPoint[];
}

export class ReadingsPage {
  @Timestamp() from!: string;
  @Timestamp() to!: string;
  @Integer(0) everyMs!: number;
  @NestedList(() => ReadingSeries, MAX_PAGE_POINTS) series!: ReadingSeries[];
}

const MEASUREMENT_NAMES = Object.keys(MEASUREMENTS) as Measurement[];
const FIELD_NAME = /^[a-z][A-Za-z0-9]{0,63}$/;

/** `/measurements`: what is kept of anything over time. */
export class MeasurementsAsked {
  @OneOf(MEASUREMENT_NAMES) measurement!: Measurement;
  /** For measurements of nodes, and only for those. */
  @Optional() @ListOf(ID_PATTERN, MAX_PAGE_NODES) nodes?: NodeId[];
  /** Which of them: heartbeat, sensor, alarm, kind of event, domain, agent or service. Missing: all. */
  @Optional() @ListOf(/^[A-Za-z0-9._:-]{1,64}$/, 64) of?: string[];
  @Optional() @ListOf(FIELD_NAME, 64) fields?: string[];
  @Timestamp() from!: string;
  /** Not included. */
  @Timestamp() to!: string;
  /** How much time goes into one bucket; 0: the points themselves. */
  @Integer(0, 366 * 86_400_000) everyMs!: number;
}

/** One field over time. A span in which nothing was told has no point. */
export class MeasurementSeries {
  /** Of what it is: `{node: "n1", heartbeat: "lan", proves: "network"}` */
  @MapOf(FIELD_NAME, { text: 256 }, 10) tags!: Record<string, string>;
  /** Of which node, where it is of one. */
  @Optional() @Id() node?: NodeId;
  /** Which of its kind: heartbeat, sensor, alarm, kind of event, domain, agent or service. */
  @Optional() @Text(256) of?: string;
  @Matches(FIELD_NAME) field!: string;
  /** As people write it; empty for what has none. */
  @Text(20) unit!: string;
  /** What its numbers stand for, where they stand for words; a mean says nothing then. */
  @Optional() @MapOf(/^\d{1,3}$/, { text: 64 }, 100) codes?: Record<string, string>;
  @NestedList(() => ReadingPoint, MAX_PAGE_POINTS) points!: ReadingPoint[];
}

export class MeasurementsPage {
  @OneOf(MEASUREMENT_NAMES) measurement!: Measurement;
  @Timestamp() from!: string;
  @Timestamp() to!: string;
  @Integer(0) everyMs!: number;
  @NestedList(() => MeasurementSeries, MAX_PAGE_POINTS) series!: MeasurementSeries[];
}

/** `/events` */
export class EventsAsked {
  /** Only of these. Missing: of all, and of what is no node. */
  @Optional() @ListOf(ID_PATTERN, 100_000) nodes?: NodeId[];
  @Optional() @ListOf(ID_PATTERN, 64) kinds?: string[];
  @Optional() @WordList(SEVERITIES) severities?: (typeof SEVERITIES)[number][];
  @Optional() @Timestamp() from?: string;
  /** Not included. */
  @Optional() @Timestamp() to?: string;
  /** Only what stands before this place in the log: what `next` of the page before said. */
  @Optional() @Integer(1) before?: number;
  /** Only what stands after this place in the log. */
  @Optional() @Integer(0) after?: number;
  @Integer(1, 10_000) limit!: number;
}

/** A line of the event log. */
export class LoggedEvent {
  /** Its place in the log. */
  @Integer(1) seq!: number;
  @Timestamp() at!: string;
  /** `node:n1`, `agent:rack-a`, `domain:psu-a`, `service:telemetry`, `site` */
  @Matches(SUBJECT_PATTERN) subject!: string;
  /** Where it is of a node. */
  @Optional() @Id() node?: string;
  @OneOf(SEVERITIES) severity!: (typeof SEVERITIES)[number];
  @Id() kind!: string;
  @Text(1000) message!: string;
  @Optional() @AnyObject() data?: Record<string, unknown>;
}

/** Newest first. */
export class LoggedEvents {
  @NestedList(() => LoggedEvent, 10_000) events!: LoggedEvent[];
  /** Where the page after begins; missing: there is none. */
  @Optional() @Integer(1) next?: number;
}

export const ALARM_CHOICES = ["active", "cleared", "all"] as const;
export type AlarmChoice = (typeof ALARM_CHOICES)[number];

/** `/alarms` */
export class AlarmsAsked {
  /** Only of these. Missing: of all, and of what is no node. */
  @Optional() @ListOf(ID_PATTERN, 100_000) nodes?: NodeId[];
  @OneOf(ALARM_CHOICES) state!: AlarmChoice;
  @Optional() @OneOf(ALARM_SEVERITIES) severity?: AlarmSeverity;
  /** Only what stands before this place in the history: what `next` of the page before said. */
  @Optional() @Integer(1) before?: number;
  @Integer(1, 10_000) limit!: number;
}

/** An alarm that stands, or stood. */
export class AlarmRecord extends AlarmState {
  /** Its place in the history. */
  @Integer(1) seq!: number;
  /** `node:n1`, `agent:rack-a`, `domain:psu-a`, `service:telemetry` */
  @Matches(SUBJECT_PATTERN) subject!: string;
  /** Missing while it stands. */
  @Optional() @Timestamp() clearedAt?: string;
  /** How often it came and went again shortly after, which was not told each time. */
  @Optional() @Integer(1) flaps?: number;
}

/** Newest first. */
export class AlarmRecords {
  @NestedList(() => AlarmRecord, 10_000) alarms!: AlarmRecord[];
  /** Where the page after begins; missing: there is none. */
  @Optional() @Integer(1) next?: number;
}
