import { Matches } from "class-validator";
import { contract } from "./contract.js";
import {
  Finite,
  Id,
  Integer,
  ListOf,
  MapOf,
  Nested,
  NestedList,
  OneOf,
  Optional,
  Text,
} from "./decorators.js";
import { ID_PATTERN, type NodeId } from "./ids.js";
import { QUANTITIES, type Quantity } from "./reading.js";
import { SECRET_FILE, SECRET_VARIABLE } from "./secret.js";
import { ALARM_KINDS, ALARM_SEVERITIES, type AlarmSeverity } from "./telemetry.js";

/** What the telemetry service watches and whom it tells: written by inventory, which merges defaults, roles and nodes. */

/**
 * What a rule looks at: what alarms are of, and
 * - `budget`: what the nodes of a power domain draw, in percent of its watt budget
 * - `store`: whether the time-series store takes what is measured
 * - `away`: whether an agent on which something hangs is connected
 * - `loss`: whether anything that was measured has been lost, by the store or an agent, in the last `overMs`
 * - `delivery`: whether channels of notifications take what they are told
 * - `supply`: whether it is known if a node has supply, while its agent is connected
 * - `service`: whether a service of Outrider that was heard once is there
 * - `panic`: whether the kernel of a node has panicked, or its machine has failed, by its console or whatever gives it
 *   supply
 *
 * A `threshold` or `rate` is of a quantity of a sensor; `missing` of a sensor whose node has supply; `silent` of a node
 * that is not known to be off or halted by its own will; `fault` of a node whose power-on attempts are exhausted; `clock` of
 * an agent, in seconds that it is off.
 */
export const RULE_KINDS = [
  ...ALARM_KINDS,
  "budget",
  "store",
  "away",
  "loss",
  "delivery",
  "panic",
  "supply",
  "service",
] as const;
export type RuleKind = (typeof RULE_KINDS)[number];
/** Those that are about no single node. */
export const SITE_RULE_KINDS = [
  "clock",
  "away",
  "budget",
  "store",
  "loss",
  "delivery",
  "service",
] as const satisfies readonly RuleKind[];

export const RATE_SPANS = ["minute", "hour"] as const;

/** A pair of limits. A value that reaches one is beyond it. */
export class AlarmLimits {
  @Optional() @Finite(-1e12, 1e12) warning?: number;
  @Optional() @Finite(-1e12, 1e12) critical?: number;
}

/** One rule with every default filled in. */
export class AlarmRule {
  @OneOf(RULE_KINDS) kind!: RuleKind;
  /** The sensor that it is about; missing: every sensor that has the quantity. */
  @Optional() @Id() sensor?: string;
  /** Only sensors of these drivers. */
  @Optional() @ListOf(ID_PATTERN, 32) drivers?: string[];
  @Optional() @OneOf(Object.keys(QUANTITIES)) quantity?: Quantity;
  @Optional() @Nested(() => AlarmLimits) upper?: AlarmLimits;
  @Optional() @Nested(() => AlarmLimits) lower?: AlarmLimits;
  /** How far a value must come back inside a limit before the alarm is over. */
  @Finite(0, 1e12) hysteresis!: number;
  /** Of `rate`: the limits are the change in this span. */
  @Optional() @OneOf(RATE_SPANS) per?: (typeof RATE_SPANS)[number];
  /** In milliseconds: of `rate` the span over which the change is looked at, of `budget` that of the mean, of `loss` how long it is told. */
  @Optional() @Integer(0, 86_400_000) overMs?: number;
  /** How long it must be so before the alarm is raised. */
  @Integer(0, 604_800_000) forMs!: number;
  /** Of rules without limits. */
  @Optional() @OneOf(ALARM_SEVERITIES) severity?: AlarmSeverity;
}

/** Different sets of rules that the nodes of a site may have. */
export const MAX_PROFILES = 200;

/** Rules by name, as many nodes share them. */
export class AlarmProfile {
  @MapOf(ID_PATTERN, { nested: () => AlarmRule }, 200) rules!: Record<string, AlarmRule>;
}

export const HTTP_URL_PATTERN = /^https?:\/\/[!-~]{1,1900}$/;
export const SMTP_URL_PATTERN = /^smtps?:\/\/[A-Za-z0-9.[\]:-]{1,255}$/;
/** Plain addresses, without names or comments; what SMTP would take for more than one is none. */
export const MAIL_ADDRESS_PATTERN = /^[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9.-]{1,253}$/;

/**
 * Where the host of the telemetry service has a secret; never the secret itself. Exactly one of the two. Files lie in
 * `/etc/outrider/secrets`, in `telemetry/secrets` of the data folder, or among systemd's credentials.
 */
export class ServiceSecret {
  @Optional() @Matches(SECRET_FILE) file?: string;
  @Optional() @Matches(SECRET_VARIABLE) env?: string;
}

/** Told with POST and JSON. */
export class WebhookChannel {
  @Matches(HTTP_URL_PATTERN) url!: string;
  /** Sent as `Authorization: Bearer …`. */
  @Optional() @Nested(() => ServiceSecret) token?: ServiceSecret;
}

/** Told by SMTP. */
export class EmailChannel {
  /** `smtps://host:465` encrypts from the start; `smtp://host:587` by STARTTLS, which a password demands. */
  @Matches(SMTP_URL_PATTERN) server!: string;
  @Matches(MAIL_ADDRESS_PATTERN) from!: string;
  @ListOf(MAIL_ADDRESS_PATTERN, 50) to!: string[];
  @Optional() @Text(200) username?: string;
  @Optional() @Nested(() => ServiceSecret) password?: ServiceSecret;
}

/** Told by ntfy. */
export class NtfyChannel {
  /** With the topic as the last part of the path: `https://ntfy.sh/my-rack`. */
  @Matches(HTTP_URL_PATTERN) url!: string;
  @Optional() @Nested(() => ServiceSecret) token?: ServiceSecret;
}

/** A way to tell people: exactly one of these. */
export class NotificationChannel {
  @Optional() @Nested(() => WebhookChannel) webhook?: WebhookChannel;
  @Optional() @Nested(() => EmailChannel) email?: EmailChannel;
  @Optional() @Nested(() => NtfyChannel) ntfy?: NtfyChannel;
}

/** Which alarms go which way. */
export class NotificationRoute {
  @ListOf(ID_PATTERN, 32) channels!: string[];
  /** The least that is told. */
  @OneOf(ALARM_SEVERITIES) severity!: AlarmSeverity;
  /** Only alarms about these; missing: about anything. */
  @Optional() @ListOf(ID_PATTERN, 100_000) nodes?: NodeId[];
}

export class NotificationPolicy {
  @MapOf(ID_PATTERN, { nested: () => NotificationChannel }, 64) channels!: Record<
    string,
    NotificationChannel
  >;
  @MapOf(ID_PATTERN, { nested: () => NotificationRoute }, 200) routes!: Record<
    string,
    NotificationRoute
  >;
  /** What comes within this span becomes one message where it has one cause. */
  @Integer(0, 3_600_000) groupWithinMs!: number;
  /** An alarm that nobody has acknowledged is told again after so long; 0: never. */
  @Integer(0, 2_592_000_000) repeatAfterMs!: number;
}

/** Everything that the site in force declares of alarms and notifications. */
export class TelemetryPolicy {
  @Id() site!: string;
  /** Rules as nodes share them. */
  @NestedList(() => AlarmProfile, MAX_PROFILES) profiles!: AlarmProfile[];
  /** By node, which of the profiles it has. */
  @MapOf(ID_PATTERN, { integer: [0, MAX_PROFILES - 1] }, 100_000) nodes!: Record<string, number>;
  /** Rules about agents, power domains, services and the store. */
  @MapOf(ID_PATTERN, { nested: () => AlarmRule }, 200) siteRules!: Record<string, AlarmRule>;
  @Nested(() => NotificationPolicy) notifications!: NotificationPolicy;
}

/** The rules of a node; none of one that the policy does not know. */
export function alarmRulesOf(
  { nodes, profiles }: TelemetryPolicy,
  node: string,
): Readonly<Record<string, AlarmRule>> {
  const index = Object.hasOwn(nodes, node) ? nodes[node] : undefined;
  return index === undefined ? {} : (profiles[index]?.rules ?? {});
}

export const telemetryPolicy = contract("service/inventory/telemetry-policy", {
  payload: TelemetryPolicy,
  kind: "report",
  writer: "inventory",
  audience: "private",
  qos: 1,
  retain: true,
  maxBytes: 4_194_304,
  summary: "Alarm rules by node after defaults, roles and nodes are merged, and who is told.",
});

/** Rules that come with the product, under names that a site can change or switch off. */
export const DEFAULT_ALARMS = {
  "under-voltage": {
    kind: "threshold",
    quantity: "underVoltage",
    upper: { critical: 1 },
    hysteresis: 0,
    forMs: 0,
  },
  throttled: {
    kind: "threshold",
    quantity: "throttled",
    upper: { warning: 1 },
    hysteresis: 0,
    forMs: 30_000,
  },
  "soc-temperature": {
    kind: "threshold",
    quantity: "temperatureCelsius",
    drivers: ["thermal", "reporter-thermal"],
    upper: { warning: 75, critical: 85 },
    hysteresis: 3,
    forMs: 10_000,
  },
  // What this driver tells a temperature of is a disk.
  "disk-temperature": {
    kind: "threshold",
    quantity: "temperatureCelsius",
    drivers: ["reporter"],
    upper: { warning: 60, critical: 70 },
    hysteresis: 3,
    forMs: 60_000,
  },
  "disk-health": {
    kind: "threshold",
    quantity: "diskHealthy",
    lower: { critical: 0 },
    hysteresis: 0,
    forMs: 0,
  },
  "readings-missing": { kind: "missing", severity: "Warning", hysteresis: 0, forMs: 300_000 },
  panic: { kind: "panic", severity: "Critical", hysteresis: 0, forMs: 0 },
  silent: { kind: "silent", severity: "Critical", hysteresis: 0, forMs: 60_000 },
  "power-fault": { kind: "fault", severity: "Critical", hysteresis: 0, forMs: 0 },
  "supply-unknown": { kind: "supply", severity: "Warning", hysteresis: 0, forMs: 120_000 },
  "agent-clock": { kind: "clock", upper: { warning: 60 }, hysteresis: 10, forMs: 10_000 },
  "agent-away": { kind: "away", severity: "Critical", hysteresis: 0, forMs: 60_000 },
  "service-away": { kind: "service", severity: "Critical", hysteresis: 0, forMs: 60_000 },
  "watt-budget": {
    kind: "budget",
    upper: { warning: 90, critical: 100 },
    hysteresis: 5,
    overMs: 0,
    forMs: 60_000,
  },
  "time-series-store": { kind: "store", severity: "Critical", hysteresis: 0, forMs: 60_000 },
  "readings-lost": {
    kind: "loss",
    severity: "Critical",
    hysteresis: 0,
    overMs: 3_600_000,
    forMs: 0,
  },
  "notifications-failing": {
    kind: "delivery",
    severity: "Critical",
    hysteresis: 0,
    forMs: 900_000,
  },
} satisfies Readonly<Record<string, AlarmRule>>;
