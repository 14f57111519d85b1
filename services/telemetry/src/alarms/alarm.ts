import type { AlarmAcknowledgement, AlarmKind, AlarmSeverity } from "@outrider/contracts/telemetry";

/** What a rule has found: an alarm is due. */
export interface Finding {
  /** `node:n1`, `agent:rack-a`, `domain:psu-a`, `service:telemetry` */
  readonly subject: string;
  /** `<rule>` or `<rule>-<sensor>`. */
  readonly id: string;
  readonly rule: string;
  readonly kind: AlarmKind;
  readonly severity: AlarmSeverity;
  readonly message: string;
  readonly value?: number | undefined;
  readonly limit?: number | undefined;
  readonly unit?: string | undefined;
}

/** Where something is, so that what has one cause can be told together. */
export interface Place {
  /** Nodes that it is about, or that hang on it. */
  readonly nodes: readonly string[];
  readonly agent?: string | undefined;
  readonly domain?: string | undefined;
}

/** An alarm from its raising on. */
export interface Alarm extends Finding {
  /** RFC 3339. */
  readonly raisedAt: string;
  readonly place: Place;
  readonly acknowledged?: AlarmAcknowledgement | undefined;
  /** How often it has come and gone while it was kept raised. */
  readonly flaps?: number | undefined;
  readonly clearedAt?: string | undefined;
}

/** One that stands, or stood. */
export interface Standing extends Alarm {
  /** Its place in the history. */
  readonly seq: number;
}

export function alarmKey({ subject, id }: Pick<Finding, "subject" | "id">): string {
  return `${subject} ${id}`;
}

/** The node of a subject that is one. */
export function nodeOfSubject(subject: string): string | undefined {
  return subject.startsWith("node:") ? subject.slice(5) : undefined;
}

/** What becomes of an alarm. */
export const TURNS = ["raised", "changed", "acknowledged", "cleared"] as const;
export type Turn = (typeof TURNS)[number];
