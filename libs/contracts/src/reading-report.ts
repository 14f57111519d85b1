import { IsBoolean } from "class-validator";
import { contract } from "./contract.js";
import {
  EndpointIdText,
  Finite,
  Id,
  Integer,
  MapOf,
  Nested,
  NestedList,
  OneOf,
  Optional,
  Text,
  Timestamp,
} from "./decorators.js";
import type { EndpointId, NodeId } from "./ids.js";
import {
  ABSENCES,
  PROOFS,
  QUANTITY_NAMES,
  type Absence,
  type Proof,
  type Quantity,
} from "./reading.js";

/** What one look for a sign of life saw. */
export class HeartbeatReading {
  /** What an answer proves. */
  @OneOf(PROOFS) proves!: Proof;
  /** False: nothing was heard in time, which proves nothing. Missing: one could not look, see `absent`. */
  @Optional() @IsBoolean() alive?: boolean;
  @Optional() @OneOf(ABSENCES) absent?: Absence;
  /** Time to the answer, in milliseconds. */
  @Optional() @Finite(0, 3_600_000) tookMs?: number;
  /** Who answered, or what was heard instead. */
  @Optional() @Text(500) detail?: string;
  /** The present boot of the host, where it says it. */
  @Optional() @Text(64) bootId?: string;
  /** How long its system has been up, in seconds. */
  @Optional() @Finite(0, 1e10) uptimeSeconds?: number;
}

/** What every quantity fits into; its own range is narrower, and kept by the agent. */
const VALUES = [-1e15, 1e15] as const;

/** One sample of one endpoint, taken at one time. */
export class EndpointReading {
  @EndpointIdText() endpoint!: EndpointId;
  @Id() node!: NodeId;
  /** When it was taken, by the agent's calendar. */
  @Timestamp() at!: string;
  /** How old it was when it was sent, in milliseconds, by the agent's monotonic clock. */
  @Integer(0) ageMs!: number;
  /** By quantity, whose name has the unit; what is known of a reading is not lost over what only a later version knows. */
  @Optional() @MapOf(QUANTITY_NAMES, { finite: VALUES }, 64) values?: Partial<
    Record<Quantity, number>
  >;
  /** Of each quantity that has no value, why. */
  @Optional() @MapOf(QUANTITY_NAMES, { words: ABSENCES }, 64) absent?: Partial<
    Record<Quantity, Absence>
  >;
  @Optional() @Nested(() => HeartbeatReading) heartbeat?: HeartbeatReading;
  /** What a person should know: which device failed how, and what to do. */
  @Optional() @Text(500) problem?: string;
}

/** What an agent could not keep until it was stored, because its spool was full. */
export class DroppedReadings {
  @Integer(1) readings!: number;
  /** When the first and the last of them were taken, by the agent's calendar. */
  @Timestamp() since!: string;
  @Timestamp() until!: string;
}

/** What an agent's sensors and heartbeats gave in an interval. */
export class AgentReadings {
  @Integer(1, 1000) v!: number;
  @Text(64) epoch!: string;
  /** Counts the batches of a spool, also over restarts; acknowledged by {@link AgentAck.reading}. */
  @Integer(1) seq!: number;
  @Timestamp() at!: string;
  /** Oldest first. */
  @NestedList(() => EndpointReading, 1000) readings!: EndpointReading[];
  /** What the agent keeps until it is acknowledged; a new id when it was made anew. Missing: it keeps nothing. */
  @Optional() @Text(64) spool?: string;
  /** The lowest number that the agent still keeps. What is lower and was not stored never comes. */
  @Optional() @Integer(1) oldest?: number;
  /** What was dropped before this batch. */
  @Optional() @Nested(() => DroppedReadings) dropped?: DroppedReadings;
}

export const agentReading = contract("agent/{agent}/reading", {
  payload: AgentReadings,
  kind: "report",
  writer: "agent",
  audience: "private",
  qos: 0,
  retain: false,
  maxBytes: 1_048_576,
  summary: "What an agent's sensors and heartbeats gave, one message per interval.",
});
