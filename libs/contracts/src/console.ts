import { IsBoolean } from "class-validator";
import { contract } from "./contract.js";
import {
  ActorText,
  CommandIdText,
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
import { ID_PATTERN, type AgentId, type CommandId, type NodeId } from "./ids.js";
import { SEVERITIES } from "./node.js";
import { ACTIONS, type Action } from "./power.js";

/** Consoles as people and services see them. Their bytes never cross the broker. */

/** How far the machine has come, as its console shows. `halted` and `panic` are ends. */
export const CONSOLE_STAGES = [
  "unknown",
  "firmware",
  "boot-loader",
  "kernel",
  "init",
  "login",
  "halted",
  "panic",
] as const;
export type ConsoleStage = (typeof CONSOLE_STAGES)[number];

/** How somebody has come to a console. */
export const CONSOLE_WAYS = [
  "cli",
  "web",
  "ssh",
  "telnet",
  "raw",
  "rfc2217",
  "script",
  "rule",
] as const;
export type ConsoleWay = (typeof CONSOLE_WAYS)[number];

/** Magic SysRq keys by what they do (Linux, admin-guide/sysrq). `loglevel-4`: the console shows what is more severe. */
export const SYSRQ_KEYS = {
  help: "h",
  sync: "s",
  "remount-read-only": "u",
  "power-off": "o",
  reboot: "b",
  crash: "c",
  "show-tasks": "t",
  "show-blocked": "w",
  "show-memory": "m",
  "show-registers": "p",
  "show-backtraces": "l",
  "terminate-all": "e",
  "kill-all": "i",
  "out-of-memory-kill": "f",
  unraw: "r",
  "kill-terminal": "k",
  "thaw-file-systems": "j",
  "show-locks": "d",
  "show-timers": "q",
  "normal-priorities": "n",
  "restore-frame-buffer": "v",
  "dump-trace": "z",
  "replay-log": "R",
  debugger: "g",
  xmon: "x",
  "show-global-registers": "y",
  "loglevel-0": "0",
  "loglevel-1": "1",
  "loglevel-2": "2",
  "loglevel-3": "3",
  "loglevel-4": "4",
  "loglevel-5": "5",
  "loglevel-6": "6",
  "loglevel-7": "7",
  "loglevel-8": "8",
  "loglevel-9": "9",
} as const;
export type SysRqName = keyof typeof SYSRQ_KEYS;
export const SYSRQ_NAMES = Object.keys(SYSRQ_KEYS) as SysRqName[];

/** The name of a SysRq key, given that or the key itself; undefined where there is neither. */
export function sysRqName(text: string): SysRqName | undefined {
  return SYSRQ_NAMES.find((name) => name === text || SYSRQ_KEYS[name] === text);
}

/** Whether the bytes of a console reach the service. */
export class ConsoleLinkState {
  /** `Down`: the agent says that the device cannot be reached. `Unknown`: the agent cannot be heard. */
  @OneOf(["Up", "Down", "Unknown"]) value!: "Up" | "Down" | "Unknown";
  @Timestamp() since!: string;
  /** Why it is not up, and what to do. */
  @Optional() @Text(500) detail?: string;
}

export class ConsoleStageState {
  @OneOf(CONSOLE_STAGES) value!: ConsoleStage;
  @Timestamp() since!: string;
}

/** Who types. */
export class ConsoleWriter {
  @ActorText() actor!: string;
  @OneOf(CONSOLE_WAYS) way!: ConsoleWay;
  @Timestamp() since!: string;
}

/** The settings of the wire, as people write them: `9600 7e1`. */
export class ConsoleLineChange {
  @Text(64) present!: string;
  /** What the site declares. */
  @Text(64) declared!: string;
}

/** The agent has let go of the device, so that another program can have it. */
export class ConsoleClosing {
  @ActorText() actor!: string;
  /** When the agent takes it back by itself. */
  @Timestamp() until!: string;
  @Optional() @Text(500) reason?: string;
}

/** The console of a node. */
export class ConsoleState {
  @Nested(() => ConsoleLinkState) link!: ConsoleLinkState;
  @Nested(() => ConsoleStageState) stage!: ConsoleStageState;
  /** The one who types; missing while nobody does. */
  @Optional() @Nested(() => ConsoleWriter) writer?: ConsoleWriter;
  /** How many look on without typing. */
  @Integer(0, 100_000) viewers!: number;
  /** Set while the wire has other settings than the site declares. */
  @Optional() @Nested(() => ConsoleLineChange) line?: ConsoleLineChange;
  /** Set while it is closed, for another program to have the device. */
  @Optional() @Nested(() => ConsoleClosing) closed?: ConsoleClosing;
  @Optional() @Timestamp() lastByteAt?: string;
  /** Number of the boot that the log is in, from 1; missing before the first. */
  @Optional() @Integer(1) boot?: number;
  /** Bytes that are known to be missing from the log. */
  @Optional() @Integer(0) lostBytes?: number;
  /** Set while the log cannot be written, with what to do. The console goes on. */
  @Optional() @Text(500) logProblem?: string;
  @Timestamp() observedAt!: string;
  @Integer(1, 86_400_000) staleAfterMs!: number;
}

export const consoleState = contract("node/{node}/console/state", {
  payload: ConsoleState,
  kind: "report",
  writer: "console",
  audience: "public",
  qos: 1,
  retain: true,
  summary:
    "A node’s console: its link, who types, how many look on, and how far the machine has come. At most once a second.",
});

/** What the site declares of one node's console. Missing: the default. */
export class ConsolePolicy {
  @Id() agent!: AgentId;
  @Id() driver!: string;
  /** TCP ports on which this console is served; missing: not. */
  @Optional() @Integer(1, 65_535) telnetPort?: number;
  @Optional() @Integer(1, 65_535) rawPort?: number;
  @Optional() @Integer(1, 65_535) rfc2217Port?: number;
  /** The log is bounded by both. */
  @Integer(65_536) logMaxBytes!: number;
  @Integer(60_000) logMaxAgeMs!: number;
  /** A writer who types nothing for so long becomes a viewer; 0: never. */
  @Integer(0, 604_800_000) writerIdleMs!: number;
  /** Somebody who neither types nor asks for anything for so long is disconnected; 0: never. */
  @Integer(0, 604_800_000) sessionIdleMs!: number;
  /** Pause between pasted lines and between characters, in milliseconds. */
  @Integer(0, 10_000) pasteLineMs!: number;
  @Integer(0, 1000) pasteCharacterMs!: number;
  /** Named break sequences: text with `\b` for a break, `\d` for a quarter of a second, `\r`, `\n`, `\\`, `\xHH`. */
  @MapOf(ID_PATTERN, { text: 200 }, 32) breakSequences!: Record<string, string>;
}

export const RULE_ACTIONS = ["event", "capture", "sysrq", "power"] as const;

export class ConsoleRuleAction {
  @OneOf(RULE_ACTIONS) kind!: (typeof RULE_ACTIONS)[number];
  /** With `sysrq`: what to press, in order. */
  @Optional() @WordList(SYSRQ_NAMES, 8) sysrq?: SysRqName[];
  /** With `power`. */
  @Optional() @OneOf(ACTIONS) action?: Action;
}

/** What is recognised without a pattern of one's own. */
export const RULE_SIGNS = [
  "panic",
  "oom-kill",
  "under-voltage",
  "login",
  "halted",
  "oops",
] as const;
export type RuleSign = (typeof RULE_SIGNS)[number];

/** A pattern, what it means, and what is done about it. Its name is the policy that acts. */
export class ConsoleRule {
  /** Exactly one of sign, pattern, silenceMs. */
  @Optional() @OneOf(RULE_SIGNS) sign?: RuleSign;
  /** RE2 syntax, matched on each line of the cleaned text. */
  @Optional() @Text(500) pattern?: string;
  /** No byte for so long while the supply is on. */
  @Optional() @Integer(1000, 86_400_000) silenceMs?: number;
  @OneOf(SEVERITIES) severity!: (typeof SEVERITIES)[number];
  @NestedList(() => ConsoleRuleAction, 8) actions!: ConsoleRuleAction[];
  /** Least time between two times that it acts on one node. */
  @Integer(0, 86_400_000) cooldownMs!: number;
  /** After so many power actions on one node without a login in between it does not act any more until a person has. */
  @Integer(1, 100) maxPowerActions!: number;
  /** Nodes that it holds for; missing: all that have a console. */
  @Optional() @ListOf(ID_PATTERN, 100_000) nodes?: NodeId[];
}

/** Everything about consoles that the site in force declares. */
export class ConsolePolicies {
  @MapOf(ID_PATTERN, { nested: () => ConsolePolicy }, 100_000) nodes!: Record<
    string,
    ConsolePolicy
  >;
  @MapOf(ID_PATTERN, { nested: () => ConsoleRule }, 200) rules!: Record<string, ConsoleRule>;
}

export const consolePolicies = contract("service/inventory/console-policies", {
  payload: ConsolePolicies,
  kind: "report",
  writer: "inventory",
  audience: "private",
  qos: 1,
  retain: true,
  maxBytes: 4_194_304,
  summary: "How each console is kept and reached, and the rules that watch consoles.",
});

/** One person at one console. */
export class ConsoleSession {
  @CommandIdText() id!: CommandId;
  @Id() node!: NodeId;
  @ActorText() actor!: string;
  @OneOf(CONSOLE_WAYS) way!: ConsoleWay;
  @IsBoolean() writes!: boolean;
  @Timestamp() since!: string;
  /** Since they last typed or asked for something. */
  @Integer(0) idleMs!: number;
  /** Where they come from: an address. */
  @Optional() @Text(200) from?: string;
  /** Bytes that they did not take in time and that were left out for them. */
  @Optional() @Integer(0) skippedBytes?: number;
}
