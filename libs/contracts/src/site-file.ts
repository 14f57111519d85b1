import { Matches } from "class-validator";
import { RESTORE_POLICIES, type RestorePolicy } from "./agent.js";
import { DURATION_PATTERN } from "./clock.js";
import { RULE_SIGNS, SYSRQ_NAMES, type RuleSign, type SysRqName } from "./console.js";
import {
  AnyObject,
  ExactlyOne,
  Finite,
  Id,
  Integer,
  ListOf,
  MapOf,
  Nested,
  OneOf,
  Optional,
  Text,
  WordList,
  WordsOrSteps,
} from "./decorators.js";
import { INTERLOCKS, type Interlock } from "./fleet.js";
import { ID_PATTERN, type AgentId, type InterfaceKind } from "./ids.js";
import { LABEL_PATTERN, SEVERITIES, WAKES, type Wake } from "./node.js";
import { ACTIONS, type Action } from "./power.js";
import { QUANTITY_PATTERN, type Quantity } from "./reading.js";
import { OFF, SiteAlarm, SiteNotifications } from "./site-alarms.js";

/**
 * The site file: what a person declares in YAML. Closed: an unknown key is an error.
 * These classes say the shape; what must fit together is checked by the inventory service.
 */

export const MAC_PATTERN = /^[0-9A-Fa-f]{2}(:[0-9A-Fa-f]{2}){5}$/;
export const SERIAL_PATTERN = /^[0-9A-Za-z._-]{1,64}$/;

/** Control interfaces that a site file of this version may declare. */
export const SITE_INTERFACES = [
  "power",
  "reset",
  "button",
  "boot",
  "console",
  "identify",
  "sensor",
  "heartbeat",
] as const satisfies InterfaceKind[];
export type SiteInterfaceKind = (typeof SITE_INTERFACES)[number];

/** `500ms`, `2s`, `1.5m`, `1h`. */
const DurationText = (): PropertyDecorator => Matches(DURATION_PATTERN);

/** `500GB`, `1TB`, `1.5TiB`. */
export const SIZE_PATTERN = /^(\d{1,6}(?:\.\d{1,3})?)(B|kB|MB|GB|TB|PB|KiB|MiB|GiB|TiB|PiB)$/;
/** What a program can be given as an argument. */
export const ARGUMENT_PATTERN = /^[^\u0000]{1,4096}$/;
/** Only these can be asked with POST. */
export const WEBHOOK_PATTERN = /^https?:\/\/[!-~]{1,1900}$/;

/** A host that is wired to nodes. What it can drive comes from its own description. */
export class SiteAgent {
  /** What people call it. */
  @Optional() @Text(200) name?: string;
}

/** A part that a driver is made of: the line that pulls a reset, the input that senses a rail. */
export class SiteNeed {
  @Id() driver!: string;
  @Optional() @AnyObject() options?: Record<string, unknown>;
}

/** How a sensor is read while something is done with the power of its node; all that it gives then is told. */
export class SiteBurst {
  /** 100ms to 10m, and oftener than otherwise. Default 100ms. */
  @Optional() @DurationText() sampling?: string;
  /** How long after the last step, 1s to 10m. Default 10s. */
  @Optional() @DurationText() duration?: string;
}

/** Where one control interface of a node is driven from, and how. */
export class SiteInterface {
  @Id() agent!: AgentId;
  @Id() driver!: string;
  /** As the driver's JSON Schema in the agent's description says. Secrets are references, never values. */
  @Optional() @AnyObject() options?: Record<string, unknown>;
  /** What the driver is made of, by the names that it gives them. */
  @Optional() @MapOf(ID_PATTERN, { nested: () => SiteNeed }, 8) needs?: Record<string, SiteNeed>;
  /** How often it is read, 100ms to 10m. Default: the node's; 10s for sensors and heartbeats. */
  @Optional() @DurationText() sampling?: string;
  /**
   * Of a sensor or heartbeat: what is as it was told last is told so often, 100ms to 20m, and what is not at once.
   * Default: every sample is told; with a deadband, three times until it would be stale.
   */
  @Optional() @DurationText() reporting?: string;
  /** Of a sensor, by quantity and in its unit: what differs by no more from what was told last is as it was. */
  @Optional() @MapOf(QUANTITY_PATTERN, { finite: [0, 1e15] }, 64) deadband?: Partial<
    Record<Quantity, number>
  >;
  /** Of a sensor: how it is read while something is done with the power of the node. Default: as ever. */
  @Optional() @Nested(() => SiteBurst) burst?: SiteBurst;
}

/** How a node is booted. */
export class SiteBoot {
  /** What its firmware is: `raspberry-pi-5`, `uefi` … */
  @Optional() @Id() firmware?: string;
  /** What tells its firmware from where to boot next: a BMC, or straps. */
  @Optional() @Nested(() => SiteInterface) override?: SiteInterface;
}

/** What a node draws, in watts. */
export class SiteDraw {
  @Finite(0, 100_000) running!: number;
  /** While it starts; at least as much as running, which it is when left out. */
  @Optional() @Finite(0, 100_000) starting?: number;
}

/** What is kept of a console. */
export class SiteConsoleLog {
  /** 64KiB to 1PB. Default 256MiB. */
  @Optional() @Matches(SIZE_PATTERN) maxBytes?: string;
  /** 1m to 3650d. Default 90d. */
  @Optional() @DurationText() maxAge?: string;
}

/** Pauses while something is pasted, for machines that take it no faster. */
export class SitePaste {
  /** After each line, 0s to 10s. Default 0s. */
  @Optional() @DurationText() line?: string;
  /** After each character, 0s to 1s. Default 0s. */
  @Optional() @DurationText() character?: string;
}

/** How consoles are kept and shared, for all nodes of a role. */
export class SiteRoleTerminal {
  @Optional() @Nested(() => SiteConsoleLog) log?: SiteConsoleLog;
  /** A writer who types nothing for so long becomes a viewer, 0s to 7d. Default 0s: never. */
  @Optional() @DurationText() writerIdle?: string;
  /** Somebody who neither types nor asks for anything for so long is disconnected, 0s to 7d. Default 0s: never. */
  @Optional() @DurationText() sessionIdle?: string;
  @Optional() @Nested(() => SitePaste) paste?: SitePaste;
  /** Break sequences by name: text with `\b` for a break, `\d` for a quarter of a second, `\r`, `\n`, `\\`, `\xHH`. */
  @Optional() @MapOf(ID_PATTERN, { text: 200 }, 32) breaks?: Record<string, string>;
}

/** How the console of one node is kept, shared and reached. What is left out comes from its roles, the first that says it. */
export class SiteTerminal extends SiteRoleTerminal {
  /** TCP ports on which this console is served; left out: not. Telnet asks who comes, the others do not. */
  @Optional() @Integer(1, 65_535) telnet?: number;
  @Optional() @Integer(1, 65_535) raw?: number;
  @Optional() @Integer(1, 65_535) rfc2217?: number;
}

/** Rules by name: what a rule is, or what is otherwise about it here, or that it does not hold. */
const AlarmsByName = (): PropertyDecorator =>
  MapOf(ID_PATTERN, { nested: () => SiteAlarm, orWords: [OFF] }, 100);
type SiteAlarms = Record<string, SiteAlarm | typeof OFF>;

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
  /** What it draws; counted against the watts of its power domain. What is measured counts where it is more. */
  @Optional() @Nested(() => SiteDraw) draw?: SiteDraw;
  @Optional() @Nested(() => SiteInterface) power?: SiteInterface;
  @Optional() @Nested(() => SiteInterface) reset?: SiteInterface;
  @Optional() @Nested(() => SiteInterface) button?: SiteInterface;
  @Optional() @Nested(() => SiteBoot) boot?: SiteBoot;
  @Optional() @Nested(() => SiteInterface) console?: SiteInterface;
  /** The lamp by which a person finds it. */
  @Optional() @Nested(() => SiteInterface) identify?: SiteInterface;
  /** What measures something of it, by names of your choice. */
  @Optional() @MapOf(ID_PATTERN, { nested: () => SiteInterface }, 64) sensor?: Record<
    string,
    SiteInterface
  >;
  /** Where a sign of its life is looked for, by names of your choice. */
  @Optional() @MapOf(ID_PATTERN, { nested: () => SiteInterface }, 16) heartbeat?: Record<
    string,
    SiteInterface
  >;
  @Optional() @Nested(() => SiteTerminal) terminal?: SiteTerminal;
  /** What else holds for it than for its roles and the site. */
  @Optional() @AlarmsByName() alarms?: SiteAlarms;
}

/** Nodes on one supply. No start in it breaks these limits, whoever asks for it. */
export class SitePowerDomain {
  /** Node set: `n[1-8],@storage`. */
  @Text(32_000) nodes!: string;
  /** How many may start at the same time. Default: no limit. */
  @Optional() @Integer(1, 100_000) concurrentStarts?: number;
  /** Least time between two starts, 0s to 1h. Default 0s. */
  @Optional() @DurationText() startSpacing?: string;
  /** How long a start goes on after the supply is on, 0s to 1h. Default 10s. */
  @Optional() @DurationText() startDuration?: string;
  /** Draw of all its nodes together that no start exceeds, in watts. Default: no limit. */
  @Optional() @Finite(0, 10_000_000) wattBudget?: number;
}

/** Disks that a node of a role must have. */
export class SiteDisks {
  @Integer(1, 1000) count!: number;
  /** Smaller ones do not count. */
  @Optional() @Matches(SIZE_PATTERN) minimumBytes?: string;
}

export class SiteRoleBoot {
  /** Boot profile of the role's nodes. */
  @Id() profile!: string;
}

/** What is done about a node's work before it goes down, or after it came back. */
export class SiteHook {
  /** Program and arguments, run without a shell. */
  @Optional() @ListOf(ARGUMENT_PATTERN, 64) command?: string[];
  /** Asked with POST. */
  @Optional() @Matches(WEBHOOK_PATTERN) webhook?: string;
  /** How long it may take, 1s to 24h. */
  @DurationText() @ExactlyOne("command", "webhook") deadline!: string;
  /** What a failure or a missed deadline means: the node stays up (`stop`, the default), or goes down all the same. */
  @Optional() @OneOf(["stop", "continue"]) onFailure?: "stop" | "continue";
}

export class SiteRolePower {
  /** `last-in-role`: the last running nodes of the role are not taken down. */
  @Optional() @OneOf(INTERLOCKS) interlock?: Interlock;
  /** With the interlock: how many must stay up. Default 1. */
  @Optional() @Integer(1, 10_000) keepRunning?: number;
  @Optional() @Nested(() => SiteHook) drain?: SiteHook;
  @Optional() @Nested(() => SiteHook) undrain?: SiteHook;
}

/** What is the same for all nodes of a role. */
export class SiteRole {
  /** By what they are for. */
  @Optional() @MapOf(ID_PATTERN, { nested: () => SiteDisks }, 64) disks?: Record<string, SiteDisks>;
  @Optional() @Nested(() => SiteRoleBoot) boot?: SiteRoleBoot;
  @Optional() @Nested(() => SiteRolePower) power?: SiteRolePower;
  @Optional() @Nested(() => SiteRoleTerminal) terminal?: SiteRoleTerminal;
  /** What else holds for its nodes than for the site. */
  @Optional() @AlarmsByName() alarms?: SiteAlarms;
}

/** What a rule does that needs saying what exactly. */
export class SiteRuleStep {
  /** Magic SysRq keys by name, pressed in order. */
  @Optional() @ExactlyOne("sysrq", "power") @WordList(SYSRQ_NAMES, 8) sysrq?: SysRqName[];
  @Optional() @OneOf(ACTIONS) power?: Action;
}

/** What a rule can do without more words. */
export const RULE_WORDS = ["event", "capture"] as const;

/** A pattern on consoles, what it means, and what is done about it. */
export class SiteConsoleRule {
  /** What is recognised without a pattern of one's own. */
  @Optional() @OneOf(RULE_SIGNS) sign?: RuleSign;
  /** RE2 syntax, matched on each line of the cleaned text. */
  @Optional() @Text(500) pattern?: string;
  /** No byte for so long while the supply is on, 1s to 24h. */
  @Optional() @DurationText() silence?: string;
  /** Node set; left out: all nodes that have a console. */
  @Optional() @Text(32_000) nodes?: string;
  /** Default: the sign's own; warning otherwise. */
  @Optional() @OneOf(SEVERITIES) severity?: (typeof SEVERITIES)[number];
  @ExactlyOne("sign", "pattern", "silence")
  @WordsOrSteps(RULE_WORDS, () => SiteRuleStep, 8)
  actions!: ((typeof RULE_WORDS)[number] | SiteRuleStep)[];
  /** Least time between two times that it acts on one node, 0s to 24h. Default 60s. */
  @Optional() @DurationText() cooldown?: string;
  /** After so many power actions on one node without a login in between it waits for a person. Default 3. */
  @Optional() @Integer(1, 100) maxPowerActions?: number;
}

/** One file declares one site. */
export class SiteFile {
  @Id() site!: string;
  @MapOf(ID_PATTERN, { nested: () => SiteAgent }, 1000) agents!: Record<string, SiteAgent>;
  @MapOf(ID_PATTERN, { nested: () => SiteNode }) nodes!: Record<string, SiteNode>;
  @Optional() @MapOf(ID_PATTERN, { nested: () => SitePowerDomain }, 1000) powerDomains?: Record<
    string,
    SitePowerDomain
  >;
  @Optional() @MapOf(ID_PATTERN, { nested: () => SiteRole }, 1000) roles?: Record<string, SiteRole>;
  /** The name of a rule is the policy that acts. */
  @Optional() @MapOf(ID_PATTERN, { nested: () => SiteConsoleRule }, 150) consoleRules?: Record<
    string,
    SiteConsoleRule
  >;
  /** When something is wrong, for all nodes and for what is no node. */
  @Optional() @AlarmsByName() alarms?: SiteAlarms;
  /** Who is told of alarms, and how. */
  @Optional() @Nested(() => SiteNotifications) notifications?: SiteNotifications;
}
