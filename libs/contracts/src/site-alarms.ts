import { Matches } from "class-validator";
import { DURATION_PATTERN } from "./clock.js";
import { Finite, Id, ListOf, MapOf, Nested, OneOf, Optional, Text } from "./decorators.js";
import { ID_PATTERN } from "./ids.js";
import { QUANTITIES, type Quantity } from "./reading.js";
import { ALARM_SEVERITIES, type AlarmSeverity } from "./telemetry.js";
import {
  AlarmLimits,
  NotificationChannel,
  RATE_SPANS,
  RULE_KINDS,
  type RuleKind,
} from "./telemetry-policy.js";

/** What a site file says of alarms and of who is told. */

/** Takes away a rule that comes from further below. */
export const OFF = "off";

/**
 * A rule, or what is otherwise about one of the same name further below: node before roles, before the site, before
 * the product.
 */
export class SiteAlarm {
  /** Default: that of the rule further below; `rate` with `per`, `threshold` with a quantity. */
  @Optional() @OneOf(RULE_KINDS) kind?: RuleKind;
  /** Default: every sensor that has the quantity. */
  @Optional() @Id() sensor?: string;
  /** Only sensors of these drivers. */
  @Optional() @ListOf(ID_PATTERN, 32) drivers?: string[];
  @Optional() @OneOf(Object.keys(QUANTITIES)) quantity?: Quantity;
  /** Beyond them is what is not less. Of a clock in seconds, of a budget in percent. */
  @Optional() @Nested(() => AlarmLimits) upper?: AlarmLimits;
  /** Beyond them is what is not more. */
  @Optional() @Nested(() => AlarmLimits) lower?: AlarmLimits;
  /** How far a value must come back inside a limit before the alarm is over. Default 0. */
  @Optional() @Finite(0, 1e12) hysteresis?: number;
  /** Makes a rate of it: the limits are the change in this span. */
  @Optional() @OneOf(RATE_SPANS) per?: (typeof RATE_SPANS)[number];
  /** Span over which a rate or a mean is taken or a loss is told, 0s to 24h. Default of a rate: 5m with `per: minute`, else 1h. */
  @Optional() @Matches(DURATION_PATTERN) over?: string;
  /** How long it must be so, 0s to 7d. Default 0s. */
  @Optional() @Matches(DURATION_PATTERN) for?: string;
  /** Of rules without limits. */
  @Optional() @OneOf(ALARM_SEVERITIES) severity?: AlarmSeverity;
}

/** Which alarms go which way. */
export class SiteRoute {
  /** Names of channels. */
  @ListOf(ID_PATTERN, 32) channels!: string[];
  /** The least that is told. Default Warning. */
  @Optional() @OneOf(ALARM_SEVERITIES) severity?: AlarmSeverity;
  /** Node set; left out: also what is about no node. */
  @Optional() @Text(32_000) nodes?: string;
}

export class SiteNotifications {
  /** By names of your choice. */
  @MapOf(ID_PATTERN, { nested: () => NotificationChannel }, 64) channels!: Record<
    string,
    NotificationChannel
  >;
  /** By names of your choice. Default: everything goes every way. */
  @Optional() @MapOf(ID_PATTERN, { nested: () => SiteRoute }, 200) routes?: Record<
    string,
    SiteRoute
  >;
  /** What comes within this span becomes one message where it has one cause, 0s to 1h. Default 30s. */
  @Optional() @Matches(DURATION_PATTERN) groupWithin?: string;
  /** What nobody has acknowledged is told again after so long, 0s to 30d; 0s: never. Default 4h. */
  @Optional() @Matches(DURATION_PATTERN) repeatAfter?: string;
}
