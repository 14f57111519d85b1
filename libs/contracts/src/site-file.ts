import { Matches } from "class-validator";
import { RESTORE_POLICIES, type RestorePolicy } from "./agent.js";
import { DURATION_PATTERN } from "./clock.js";
import { AnyObject, Id, ListOf, MapOf, Nested, OneOf, Optional, Text } from "./decorators.js";
import { ID_PATTERN, type AgentId, type InterfaceKind } from "./ids.js";
import { LABEL_PATTERN, WAKES, type Wake } from "./node.js";

/**
 * The site file: what a person declares in YAML. Closed: an unknown key is an error.
 * These classes say the shape; what must fit together is checked by the inventory service.
 */

export const MAC_PATTERN = /^[0-9A-Fa-f]{2}(:[0-9A-Fa-f]{2}){5}$/;
export const SERIAL_PATTERN = /^[0-9A-Za-z._-]{1,64}$/;

/** Control interfaces that a site file of this version may declare. */
export const SITE_INTERFACES = ["power", "reset", "button"] as const satisfies InterfaceKind[];
export type SiteInterfaceKind = (typeof SITE_INTERFACES)[number];

/** `500ms`, `2s`, `1.5m`, `1h`. */
const DurationText = (): PropertyDecorator => Matches(DURATION_PATTERN);

/** A host that is wired to nodes. What it can drive comes from its own description. */
export class SiteAgent {
  /** What people call it. */
  @Optional() @Text(200) name?: string;
}

/** Where one control interface of a node is driven from, and how. */
export class SiteInterface {
  @Id() agent!: AgentId;
  @Id() driver!: string;
  /** As the driver's JSON Schema in the agent's description says. Secrets are references, never values. */
  @Optional() @AnyObject() options?: Record<string, unknown>;
}

/** A machine under management. */
export class SiteNode {
  /** What people call it; the id when left out. */
  @Optional() @Text(200) name?: string;
  @Optional() @ListOf(ID_PATTERN, 32) roles?: string[];
  @Optional() @MapOf(LABEL_PATTERN, { text: 200 }, 64) labels?: Record<string, string>;
  @Optional() @Matches(SERIAL_PATTERN) serial?: string;
  /** Ethernet addresses with colons. */
  @Optional() @ListOf(MAC_PATTERN, 16) macs?: string[];
  /** How a halted host on a live supply is woken; without it only a cycle does. */
  @Optional() @OneOf(WAKES) wake?: Wake;
  /** What the agent does once when supply returns or was lost without a command. Default `None`. */
  @Optional() @OneOf(RESTORE_POLICIES) restore?: RestorePolicy;
  /** How long a graceful action waits for the host, 1 s to 1 h. Default 120 s. */
  @Optional() @DurationText() gracefulLimit?: string;
  /** Time without supply in a cycle, 100 ms to 10 m. Default 5 s. */
  @Optional() @DurationText() dwell?: string;
  /** How often the interfaces are read, 100 ms to 10 m. Default 2 s. */
  @Optional() @DurationText() sampling?: string;
  @Optional() @Nested(() => SiteInterface) power?: SiteInterface;
  @Optional() @Nested(() => SiteInterface) reset?: SiteInterface;
  @Optional() @Nested(() => SiteInterface) button?: SiteInterface;
}

/** One file declares one site. */
export class SiteFile {
  @Id() site!: string;
  @MapOf(ID_PATTERN, { nested: () => SiteAgent }, 1000) agents!: Record<string, SiteAgent>;
  @MapOf(ID_PATTERN, { nested: () => SiteNode }) nodes!: Record<string, SiteNode>;
}
