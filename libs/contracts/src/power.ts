import { IsBoolean } from "class-validator";
import {
  ActorText,
  CommandIdText,
  Integer,
  Nested,
  OneOf,
  Optional,
  Text,
  Timestamp,
} from "./decorators.js";
import type { CommandId } from "./ids.js";
import { contract } from "./contract.js";
import { REASON_CODES, type ReasonCode } from "./reasons.js";

/** Redfish `ResetType` names, as used on the wire and in every API (DSP0266, ComputerSystem.Reset). */
export const ACTIONS = [
  "On",
  "ForceOff",
  "GracefulShutdown",
  "GracefulRestart",
  "ForceRestart",
  "PowerCycle",
  "Nmi",
  "PushPowerButton",
] as const;
export type Action = (typeof ACTIONS)[number];

export const SUPPLY_VALUES = ["On", "Off", "PoweringOn", "PoweringOff", "Unknown"] as const;
/** What the supply of a node does, as measured. Silence is `Unknown`, never `Off`. */
export type Supply = (typeof SUPPLY_VALUES)[number];

export const HOST_VALUES = ["Running", "Halted", "Unknown"] as const;
/** What the machine behind the supply does. A halted host on a live supply is `Halted`. */
export type Host = (typeof HOST_VALUES)[number];

export const EVIDENCE = [
  "ReadBack",
  "SenseLine",
  "Draw",
  "Heartbeat",
  "Console",
  "Assumed",
] as const;
/** How a value is known. `Assumed` is a conclusion, never a measurement. */
export type Evidence = (typeof EVIDENCE)[number];

export const COMMAND_STATUSES = [
  "Accepted",
  "InProgress",
  "Succeeded",
  "Failed",
  "TimedOut",
  "Rejected",
  "Canceled",
  "Unknown",
] as const;
export type CommandStatus = (typeof COMMAND_STATUSES)[number];

/** Statuses after which nothing more is said about a command. */
export function isTerminal(status: CommandStatus): boolean {
  return status !== "Accepted" && status !== "InProgress";
}

export const VIAS = ["mqtt", "rest", "cli", "web", "ssh", "home-assistant", "policy"] as const;
export type Via = (typeof VIAS)[number];

export const TTL_MS = { min: 100, max: 600_000, default: 10_000 } as const;

/** A measured supply with its age. Past `observedAt + staleAfterMs` it is stale. */
export class SupplyState {
  @OneOf(SUPPLY_VALUES) value!: Supply;
  @OneOf(EVIDENCE) evidence!: Evidence;
  /** When the value became what it is. */
  @Timestamp() since!: string;
  @Timestamp() observedAt!: string;
  @Integer(1, 86_400_000) staleAfterMs!: number;
}

/** A measured host state with its age. */
export class HostState {
  @OneOf(HOST_VALUES) value!: Host;
  @OneOf(EVIDENCE) evidence!: Evidence;
  @Timestamp() since!: string;
  @Timestamp() observedAt!: string;
  @Integer(1, 86_400_000) staleAfterMs!: number;
}

/** The last command that was accepted for the node. */
export class LastCommand {
  @CommandIdText() id!: CommandId;
  @OneOf(ACTIONS) action!: Action;
  @OneOf(COMMAND_STATUSES) status!: CommandStatus;
}

/** Supply and host of a node, measured, never commanded. */
export class PowerState {
  @Nested(() => SupplyState) supply!: SupplyState;
  @Nested(() => HostState) host!: HostState;
  /** What the running or last command wants of the supply. */
  @Optional() @OneOf(["On", "Off"]) target?: "On" | "Off";
  @Optional() @Nested(() => LastCommand) lastCommand?: LastCommand;
  /** Set while power-on attempts are exhausted; the next `On` by a person clears it. */
  @Optional() @Text(500) fault?: string;
  /** Why supply or host is `Unknown`, or what is wrong beside, and what to do: as the device or the agent says. */
  @Optional() @Text(500) problem?: string;
}

/** Asks for one action. On the wire a bare word (`PowerCycle`) is the same as `{"action": "PowerCycle"}`. */
export class PowerSet {
  @OneOf(ACTIONS) action!: Action;
  /** Repeating an id repeats its outcome and never acts again. */
  @Optional() @CommandIdText() id?: CommandId;
  /** How long the action may wait to be started, in milliseconds. */
  @Optional() @Integer(TTL_MS.min, TTL_MS.max) ttlMs?: number;
  /** Whether a graceful action that is not obeyed may end in force. */
  @Optional() @IsBoolean() escalate?: boolean;
  /** Kept with the command for whoever asks later. */
  @Optional() @Text(500) reason?: string;
}

/** Progress of a command, then exactly one with `terminal: true`. */
export class PowerResult {
  @CommandIdText() id!: CommandId;
  /** Counts the results of one command from 0. */
  @Integer(0) seq!: number;
  /** Missing only where the asked action could not be read. */
  @Optional() @OneOf(ACTIONS) action?: Action;
  @OneOf(COMMAND_STATUSES) status!: CommandStatus;
  @IsBoolean() terminal!: boolean;
  @Optional() @OneOf(REASON_CODES) reasonCode?: ReasonCode;
  /** A sentence that says what happened and what to do. */
  @Optional() @Text(1000) detail?: string;
  @ActorText() actor!: string;
  @OneOf(VIAS) via!: Via;
  @Timestamp() startedAt!: string;
  @Optional() @Timestamp() endedAt?: string;
}

export const powerState = contract("node/{node}/power/state", {
  payload: PowerState,
  kind: "report",
  writer: "power",
  audience: "public",
  qos: 1,
  retain: true,
  summary: "Supply and host of a node, measured, with age and evidence.",
});

export const powerSet = contract("node/{node}/power/set", {
  payload: PowerSet,
  kind: "ask",
  bareWord: "action",
  writer: "anyone",
  audience: "public",
  qos: 1,
  retain: false,
  maxBytes: 4096,
  summary: "Asks for a power action: a bare word or JSON. Never retained.",
});

export const powerResult = contract("node/{node}/power/result", {
  payload: PowerResult,
  kind: "report",
  writer: "power",
  audience: "public",
  qos: 1,
  retain: false,
  summary: "Progress of a power command, then exactly one terminal result.",
});
