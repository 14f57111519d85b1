import { IsBoolean, Matches } from "class-validator";
import { contract } from "./contract.js";
import {
  ActorText,
  AnyObject,
  CommandIdText,
  EndpointIdText,
  ExactlyOne,
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
  Timestamp,
  WordList,
} from "./decorators.js";
import {
  ID_PATTERN,
  INTERFACE_KINDS,
  PORT_KINDS,
  type CommandId,
  type EndpointId,
  type InterfaceKind,
  type NodeId,
  type PortKind,
} from "./ids.js";
import {
  COMMAND_STATUSES,
  EVIDENCE,
  HOST_VALUES,
  SUPPLY_VALUES,
  TTL_MS,
  VIAS,
  type CommandStatus,
  type Evidence,
  type Host,
  type Supply,
  type Via,
} from "./power.js";
import { PROOFS, QUANTITY_NAMES, QUANTITY_PATTERN, type Proof, type Quantity } from "./reading.js";
import { REASON_CODES, type ReasonCode } from "./reasons.js";
import { ClockReading } from "./service.js";

/** Version of the messages between services and agents. Samples of every version are kept. */
export const AGENT_PROTOCOL = 1;

/**
 * What an endpoint can be told; a ladder is made of these. `GracefulShutdown` of a supply is its device's own way to
 * ask the host (ACPI, a BMC), of a button a program on the host, and of a console Magic SysRq S, U, O by break, which
 * syncs, remounts read-only and powers off. `Wake` is a magic packet: it starts a host that has halted on a live supply,
 * and does nothing to one that runs.
 */
export const ENDPOINT_ACTIONS = [
  "On",
  "ForceOff",
  "PowerCycle",
  "ForceRestart",
  "PushPowerButton",
  "Nmi",
  "GracefulShutdown",
  "Wake",
] as const;
export type EndpointAction = (typeof ENDPOINT_ACTIONS)[number];

export const RESTORE_POLICIES = ["None", "AlwaysOn", "AlwaysOff", "Restore"] as const;
/** What an agent does, once, when supply returns or was lost without a command. `Restore` is the last commanded supply. */
export type RestorePolicy = (typeof RESTORE_POLICIES)[number];

/** Whether an agent is connected, and in which session. */
export class AgentStatus {
  @OneOf(["ready", "lost"]) state!: "ready" | "lost";
  /** Minted at every CONNECT. A command names the epoch it was meant for. */
  @Text(64) epoch!: string;
  @Text(64) version!: string;
  @Timestamp() startedAt!: string;
}

/** An endpoint as the agent has it. */
export class DescribedEndpoint {
  @EndpointIdText() endpoint!: EndpointId;
  @Id() node!: NodeId;
  @OneOf(INTERFACE_KINDS) port!: InterfaceKind;
  @Id() driver!: string;
  @OneOf(["bound", "failed"]) state!: "bound" | "failed";
  @WordList(ENDPOINT_ACTIONS) actions!: EndpointAction[];
  /** Why the endpoint is `failed`, or of no use to others although it is `bound`, and what to do. */
  @Optional() @Text(1000) reason?: string;
  /** Set while power-on attempts are exhausted. */
  @Optional() @Text(500) fault?: string;
  /** What a sensor measures. Also what only a later version knows: an agent is not lost over what is not. */
  @Optional() @ListOf(QUANTITY_NAMES, 64) quantities?: string[];
  /** What a heartbeat proves. */
  @Optional() @OneOf(PROOFS) proves?: Proof;
}

/** Another port that a driver is made of. */
export class DescribedNeed {
  @OneOf(PORT_KINDS) port!: PortKind;
  /** Whether it may be left out. */
  @IsBoolean() optional!: boolean;
  @Text(200) summary!: string;
}

/** A thing that several drivers know a way to, and only one of them can have. */
export class DescribedResource {
  /** `serial`, `i2c`, `tcp`: the same word by all drivers that could have it. */
  @Id() kind!: string;
  /** The options that together name it. */
  @ListOf(/^[A-Za-z][A-Za-z0-9]{0,63}$/, 16) options!: string[];
  /** What those of `options` are that may be left out. */
  @Optional() @AnyObject() defaults?: Record<string, unknown>;
}

/** A driver that the agent can open. */
export class DescribedDriver {
  @OneOf(PORT_KINDS) port!: PortKind;
  @Id() driver!: string;
  @Text(300) summary!: string;
  @WordList(ENDPOINT_ACTIONS) actions!: EndpointAction[];
  /** JSON Schema (draft-07) of the driver's options. */
  @AnyObject() options!: Record<string, unknown>;
  /** What else an endpoint of it declares, by name. */
  @Optional() @MapOf(ID_PATTERN, { nested: () => DescribedNeed }, 8) needs?: Record<
    string,
    DescribedNeed
  >;
  /** `{options, needs?}` of an endpoint that is likely to be copied. */
  @Optional() @AnyObject() example?: Record<string, unknown>;
  /** Options that together name what the driver takes for itself; no two endpoints of the agent have the same. */
  @Optional() @ListOf(/^[A-Za-z][A-Za-z0-9]{0,63}$/, 16) exclusive?: string[];
  /** What those of `exclusive` are that may be left out. */
  @Optional() @AnyObject() exclusiveDefaults?: Record<string, unknown>;
  /** What its endpoints are at, together with others of this driver and no other: the lines of one chip. */
  @Optional() @Nested(() => DescribedResource) resource?: DescribedResource;
  /** The option with the address of a device on a network; where it is given, `exclusive` and `resource` count among all agents. */
  @Optional() @Matches(/^[A-Za-z][A-Za-z0-9]{0,63}$/) network?: string;
  /** What it was tried against that nobody of the project wrote. Missing: unproven. */
  @Optional() @Text(300) proof?: string;
}

/** What an agent has and can. */
export class AgentDescription {
  @Text(64) epoch!: string;
  /** Generation of the `desired` that these endpoints come from; 0 before the first. */
  @Integer(0) generation!: number;
  @NestedList(() => DescribedEndpoint, 1000) endpoints!: DescribedEndpoint[];
  @NestedList(() => DescribedDriver, 200) drivers!: DescribedDriver[];
  /** Highest fencing token seen, by node. */
  @MapOf(ID_PATTERN, { integer: [0, Number.MAX_SAFE_INTEGER] }) fences!: Record<string, number>;
}

/** A part that the driver of an endpoint is made of. */
export class DesiredNeed {
  @Id() driver!: string;
  @AnyObject() options!: Record<string, unknown>;
}

/** How an endpoint is read while something is done with the power of its node; all that it gives then is told. */
export class DesiredBurst {
  /** In milliseconds. */
  @Integer(100, 600_000) sampleEveryMs!: number;
  /** How long after the last step, in milliseconds. */
  @Integer(1000, 600_000) forMs!: number;
}

/** One endpoint that an agent shall have. */
export class DesiredEndpoint {
  @EndpointIdText() endpoint!: EndpointId;
  @Id() node!: NodeId;
  @OneOf(INTERFACE_KINDS) port!: InterfaceKind;
  @Id() driver!: string;
  /** As the driver's schema says. Secrets are references that the agent's host resolves. */
  @AnyObject() options!: Record<string, unknown>;
  /** By the names that the driver gives them. */
  @Optional() @MapOf(ID_PATTERN, { nested: () => DesiredNeed }, 8) needs?: Record<
    string,
    DesiredNeed
  >;
  @OneOf(RESTORE_POLICIES) restore!: RestorePolicy;
  /** Time without supply in a cycle, in milliseconds. */
  @Integer(100, 600_000) dwellMs!: number;
  /** How often the endpoint is read, in milliseconds. */
  @Integer(100, 600_000) sampleEveryMs!: number;
  /** Age at which a report of the endpoint is stale; unchanged values are repeated three times in this span. */
  @Integer(1000, 3_600_000) staleAfterMs!: number;
  /**
   * What was measured and is the same as it was told last is told so often, in milliseconds, and at least three times in
   * `staleAfterMs`. Neither this nor `deadband` is there: every sample is told.
   */
  @Optional() @Integer(100, 1_200_000) reportEveryMs?: number;
  /** By quantity: what differs by no more from what was told last is the same. Of others only the same number is. */
  @Optional() @MapOf(QUANTITY_PATTERN, { finite: [0, 1e15] }, 64) deadband?: Partial<
    Record<Quantity, number>
  >;
  @Optional() @Nested(() => DesiredBurst) burst?: DesiredBurst;
  /** The power domain that the node's supply belongs to, one of {@link AgentDesired.domains}. */
  @Optional() @Id() domain?: string;
  /** Declared draw of the node, in watts; what was measured counts where it is more. */
  @Optional() @Finite(0, 100_000) runningWatts?: number;
  @Optional() @Finite(0, 100_000) startingWatts?: number;
}

/** A power domain as far as this agent drives it: no start of it, whoever asked for it, breaks these limits. */
export class DesiredDomain {
  @Id() domain!: string;
  /** Least time between two starts, in milliseconds. */
  @Integer(0, 3_600_000) startSpacingMs!: number;
  /** How many may start at the same time. */
  @Optional() @Integer(1, 100_000) concurrentStarts?: number;
  /** How long a start goes on after the supply is on, in milliseconds. */
  @Integer(0, 3_600_000) startDurationMs!: number;
  /** What the agent's nodes of the domain may draw together, in watts. */
  @Optional() @Finite(0, 10_000_000) wattBudget?: number;
}

/** Everything an agent shall be. Configuration and policy, never an action. */
export class AgentDesired {
  @Integer(1) generation!: number;
  @NestedList(() => DesiredEndpoint, 1000) endpoints!: DesiredEndpoint[];
  @Optional() @NestedList(() => DesiredDomain, 1000) domains?: DesiredDomain[];
}

/** What the commander believes; the agent refuses when it is otherwise. */
export class Expectation {
  @OneOf(["On", "Off"]) supply!: "On" | "Off";
}

/** One action for one endpoint. */
export class AgentCommand {
  @Integer(1, 1000) v!: number;
  /** UUIDv7. The agent acts at most once per id, for seven days. */
  @CommandIdText() id!: CommandId;
  @Id() node!: NodeId;
  @EndpointIdText() endpoint!: EndpointId;
  @OneOf(ENDPOINT_ACTIONS) action!: EndpointAction;
  @ActorText() actor!: string;
  @OneOf(VIAS) via!: Via;
  @Optional() @Text(500) reason?: string;
  /** For people; no deadline is computed from it. */
  @Timestamp() issuedAt!: string;
  /** The issuer's monotonic clock at issue. */
  @Nested(() => ClockReading) clock!: ClockReading;
  /** The action must have started within this span of issue, in milliseconds. */
  @Integer(TTL_MS.min, TTL_MS.max) ttlMs!: number;
  /** The session of the agent that this command is meant for. */
  @Text(64) epoch!: string;
  /** Fencing token of the node's lock. */
  @Optional() @Integer(0) fence?: number;
  @Optional() @Nested(() => Expectation) expect?: Expectation;
}

/** Supply and host of an endpoint's node as just read, or why they could not be read. */
export class Observation {
  @EndpointIdText() endpoint!: EndpointId;
  @OneOf(SUPPLY_VALUES) supply!: Supply;
  @OneOf(EVIDENCE) supplyEvidence!: Evidence;
  @Timestamp() supplySince!: string;
  @OneOf(HOST_VALUES) host!: Host;
  @OneOf(EVIDENCE) hostEvidence!: Evidence;
  @Timestamp() hostSince!: string;
  @Timestamp() observedAt!: string;
  @Integer(1, 86_400_000) staleAfterMs!: number;
  /** What the node draws, in watts, where the device measures it. */
  @Optional() @Finite(0, 100_000) drawWatts?: number;
  /** Why supply or host is `Unknown`, or what is wrong beside; the power state says it to people. */
  @Optional() @Text(500) problem?: string;
  /** Set while power-on attempts are exhausted. */
  @Optional() @Text(500) fault?: string;
}

/** Progress or outcome of a command. */
export class CommandReport {
  @CommandIdText() id!: CommandId;
  @EndpointIdText() endpoint!: EndpointId;
  @OneOf(ENDPOINT_ACTIONS) action!: EndpointAction;
  @OneOf(COMMAND_STATUSES) status!: CommandStatus;
  @IsBoolean() terminal!: boolean;
  @Optional() @OneOf(REASON_CODES) reasonCode?: ReasonCode;
  @Optional() @Text(1000) detail?: string;
  /** False when there was nothing to change, which is a success. */
  @Optional() @IsBoolean() changed?: boolean;
  @Optional() @Timestamp() startedAt?: string;
  @Optional() @Timestamp() endedAt?: string;
  @Optional() @Nested(() => Observation) observation?: Observation;
}

export const INCIDENT_KINDS = [
  "supply-lost",
  "restored",
  "restore-failed",
  "cycle-finished",
  "fault-latched",
  "fault-cleared",
] as const;

/** Something the agent saw or did without a command. */
export class Incident {
  @EndpointIdText() endpoint!: EndpointId;
  @OneOf(INCIDENT_KINDS) kind!: (typeof INCIDENT_KINDS)[number];
  @Text(1000) detail!: string;
}

/**
 * What an agent says. With `seq` it is kept and repeated until the power service has acknowledged the number;
 * without, it is repeated by its nature.
 */
export class AgentEvent {
  @Integer(1, 1000) v!: number;
  @Text(64) @ExactlyOne("command", "incident", "observations") epoch!: string;
  @Timestamp() at!: string;
  @Optional() @Integer(1) seq?: number;
  @Optional() @Nested(() => CommandReport) command?: CommandReport;
  @Optional() @Nested(() => Incident) incident?: Incident;
  @Optional() @NestedList(() => Observation, 1000) observations?: Observation[];
}

/** The highest number of an agent's events and readings that a service has stored. */
export class AgentAck {
  @Text(64) epoch!: string;
  @Optional() @Integer(0) event?: number;
  @Optional() @Integer(0) reading?: number;
}

export const agentStatus = contract("agent/{agent}/status", {
  payload: AgentStatus,
  kind: "report",
  writer: "agent",
  audience: "public",
  qos: 1,
  retain: true,
  will: true,
  summary: "Whether an agent is connected, and in which session.",
});

export const agentDescription = contract("agent/{agent}/description", {
  payload: AgentDescription,
  kind: "report",
  writer: "agent",
  audience: "public",
  qos: 1,
  retain: true,
  maxBytes: 1_048_576,
  summary: "Endpoints, drivers and highest fences of an agent.",
});

export const agentDesired = contract("agent/{agent}/desired", {
  payload: AgentDesired,
  kind: "ask",
  writer: "inventory",
  audience: "private",
  qos: 1,
  retain: true,
  maxBytes: 1_048_576,
  summary: "The endpoints that an agent shall have. Configuration and policy, never an action.",
});

export const agentCommand = contract("agent/{agent}/command/{endpoint}", {
  payload: AgentCommand,
  kind: "ask",
  writer: "power",
  audience: "private",
  qos: 1,
  retain: false,
  maxBytes: 8192,
  summary: "One action for one endpoint.",
});

export const agentEvent = contract("agent/{agent}/event", {
  payload: AgentEvent,
  kind: "report",
  writer: "agent",
  audience: "private",
  qos: 1,
  retain: false,
  maxBytes: 1_048_576,
  summary: "Reports of commands, incidents and observations of an agent.",
});

export const agentAck = contract("agent/{agent}/ack/{service}", {
  payload: AgentAck,
  kind: "ask",
  writer: "service",
  audience: "private",
  qos: 1,
  retain: false,
  summary: "The highest number of an agent’s events or readings that a service has stored.",
});
