import { IsBoolean } from "class-validator";
import { contract } from "./contract.js";
import { Finite, Id, Integer, ListOf, MapOf, Nested, OneOf, Optional, Text } from "./decorators.js";
import { ID_PATTERN, type NodeId } from "./ids.js";

/** What the site declares for many nodes together: written by inventory, obeyed by power. */

export const INTERLOCKS = ["last-in-role"] as const;
/** `last-in-role`: the last running node of the role is not taken down. */
export type Interlock = (typeof INTERLOCKS)[number];

/** Nodes on one supply. */
export class PowerDomain {
  @ListOf(ID_PATTERN, 100_000) nodes!: NodeId[];
  /** Least time between two starts, in milliseconds. */
  @Integer(0, 3_600_000) startSpacingMs!: number;
  /** How many may start at the same time. */
  @Optional() @Integer(1, 100_000) concurrentStarts?: number;
  /** How long a start goes on after the supply is on, in milliseconds. */
  @Integer(0, 3_600_000) startDurationMs!: number;
  /** Draw of all nodes together that is never exceeded by a start, in watts. */
  @Optional() @Finite(0, 10_000_000) wattBudget?: number;
  /** Whether one agent drives all of its nodes, and so spaces their starts itself. */
  @IsBoolean() oneAgent!: boolean;
}

/** What is done about a node's work before it goes down, and after it came back. */
export class DrainHook {
  /** Program and arguments, run on the power service's host without a shell. */
  @Optional() @ListOf(/^[^\u0000]{1,4096}$/, 64) command?: string[];
  /** Asked with POST. */
  @Optional() @Text(2000) webhook?: string;
  @Integer(1000, 86_400_000) deadlineMs!: number;
  /** What a failure or a missed deadline means: the node stays up (`stop`), or goes down all the same. */
  @OneOf(["stop", "continue"]) onFailure!: "stop" | "continue";
}

/** What is the same for all nodes of a role. */
export class RolePolicy {
  @Optional() @OneOf(INTERLOCKS) interlock?: Interlock;
  /** With `last-in-role`: how many of the role must stay up. */
  @Integer(1, 10_000) keepRunning!: number;
  @Optional() @Nested(() => DrainHook) drain?: DrainHook;
  @Optional() @Nested(() => DrainHook) undrain?: DrainHook;
}

/** The declared draw of a node in watts. */
export class NodeDraw {
  @Finite(0, 100_000) runningWatts!: number;
  /** While it starts; at least as much as running. */
  @Finite(0, 100_000) startingWatts!: number;
}

/** The policies of the site in force. */
export class SitePolicy {
  @Id() site!: string;
  @MapOf(ID_PATTERN, { nested: () => PowerDomain }, 1000) powerDomains!: Record<
    string,
    PowerDomain
  >;
  @MapOf(ID_PATTERN, { nested: () => RolePolicy }, 1000) roles!: Record<string, RolePolicy>;
  /** Nodes whose draw is declared. */
  @MapOf(ID_PATTERN, { nested: () => NodeDraw }, 100_000) draws!: Record<string, NodeDraw>;
}

export const sitePolicy = contract("service/inventory/policy", {
  payload: SitePolicy,
  kind: "report",
  writer: "inventory",
  audience: "private",
  qos: 1,
  retain: true,
  maxBytes: 4_194_304,
  summary: "Power domains, role policies and declared draws of the site in force.",
});
