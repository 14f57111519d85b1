import { IsBoolean } from "class-validator";
import {
  ActorText,
  AnyObject,
  Integer,
  NestedList,
  OneOf,
  Optional,
  Text,
  Timestamp,
} from "./decorators.js";
import { VIAS, type Via } from "./power.js";
import { operation, Nothing } from "./service-plane.js";

/** Who did what, written before it was done, in a chain that shows when a record was changed or taken out. */

/** The act of whoever commands a node's power: what is asked of the power service, and what came of it. */
export const POWER_COMMAND_ACT = "power.command";

/** All that is recorded of consoles, as `console.attach`. */
export const CONSOLE_ACTS = [
  "attach",
  "detach",
  "write",
  "take",
  "break",
  "sysrq",
  "pulse",
  "line",
  "control",
  "purge",
  "paste",
  "close",
  "open",
  "power",
  "disconnect",
  "script",
  "abort-script",
  "clear-rule",
  // Only as refused: what changes nothing is not recorded otherwise.
  "message",
  "release",
  "replay",
  "who",
] as const;
export type ConsoleAct = (typeof CONSOLE_ACTS)[number];

/** One record of an audit log. */
export class AuditRecord {
  /** Position in its log, from 1. */
  @Integer(1) seq!: number;
  @Timestamp() at!: string;
  /** The process that acted: `power`, `gateway`, `agent-rack-a`. */
  @Text(100) log!: string;
  @ActorText() actor!: string;
  @OneOf(VIAS) via!: Via;
  /** What is done: `power.actuate`, `lock.break`, `site.apply`, `session.sign-in` … */
  @Text(100) act!: string;
  /** Whom or what it is done to: a node, an endpoint, a user. */
  @Text(200) subject!: string;
  /** Before it is done, or what came of it. */
  @OneOf(["intent", "outcome"]) stage!: "intent" | "outcome";
  @Optional() @Text(500) reason?: string;
  @Optional() @AnyObject() data?: Record<string, unknown>;
  /** SHA-256 over the record and the hash before it, in hexadecimal; missing for a moment after it was written. */
  @Optional() @Text(64) hash?: string;
}

export class AuditSearch {
  @Optional() @Text(100) actor?: string;
  @Optional() @Text(100) act?: string;
  @Optional() @Text(200) subject?: string;
  @Optional() @Timestamp() since?: string;
  @Optional() @Timestamp() until?: string;
  /** Only records before this position: what `next` of the page before said. */
  @Optional() @Integer(1) before?: number;
  @Optional() @Integer(1, 100) limit?: number;
}

/** Newest first. */
export class AuditPage {
  @NestedList(() => AuditRecord, 100) records!: AuditRecord[];
  @Optional() @Integer(1) next?: number;
}

/** Whether a log is as it was written. */
export class AuditVerdict {
  @Text(100) log!: string;
  @IsBoolean() intact!: boolean;
  @Integer(0) records!: number;
  /** Hash of the last record: kept elsewhere, it shows later that nothing was cut off. */
  @Optional() @Text(64) head?: string;
  /** Position of the first record that does not fit. */
  @Optional() @Integer(1) brokenAt?: number;
  @Optional() @Text(1000) detail?: string;
}

export const searchAudit = {
  power: operation("power", "search-audit", {
    request: AuditSearch,
    reply: AuditPage,
    summary: "Records of the power service's audit log.",
  }),
  inventory: operation("inventory", "search-audit", {
    request: AuditSearch,
    reply: AuditPage,
    summary: "Records of the inventory service's audit log.",
  }),
  console: operation("console", "search-audit", {
    request: AuditSearch,
    reply: AuditPage,
    summary: "Records of the console service's audit log.",
  }),
  telemetry: operation("telemetry", "search-audit", {
    request: AuditSearch,
    reply: AuditPage,
    summary: "Records of the telemetry service's audit log.",
  }),
} as const;

export const verifyAudit = {
  power: operation("power", "verify-audit", {
    request: Nothing,
    reply: AuditVerdict,
    summary: "Whether the power service's audit log is as it was written.",
  }),
  inventory: operation("inventory", "verify-audit", {
    request: Nothing,
    reply: AuditVerdict,
    summary: "Whether the inventory service's audit log is as it was written.",
  }),
  console: operation("console", "verify-audit", {
    request: Nothing,
    reply: AuditVerdict,
    summary: "Whether the console service's audit log is as it was written.",
  }),
  telemetry: operation("telemetry", "verify-audit", {
    request: Nothing,
    reply: AuditVerdict,
    summary: "Whether the telemetry service's audit log is as it was written.",
  }),
} as const;
