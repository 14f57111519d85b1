import { IsBoolean } from "class-validator";
import { ConsoleAsk } from "./console-attach.js";
import { CONSOLE_WAYS, ConsoleSession, type ConsoleWay } from "./console.js";
import {
  ActorText,
  CommandIdText,
  Id,
  Integer,
  ListOf,
  NestedList,
  Nested,
  OneOf,
  Optional,
  Text,
  Timestamp,
} from "./decorators.js";
import { ID_PATTERN, type CommandId, type NodeId } from "./ids.js";
import { Nothing, operation } from "./service-plane.js";

/** What the gateway asks of the console service by message. Logs, search, screens and terminals go over its listener. */

export class ListSessions {
  /** Only at these consoles. */
  @Optional() @ListOf(ID_PATTERN, 2000) nodes?: NodeId[];
}

export class SessionList {
  @NestedList(() => ConsoleSession, 200) sessions!: ConsoleSession[];
  /** How many there are, also where not all are listed. */
  @Integer(0) total!: number;
}

export class EndSession {
  @CommandIdText() session!: CommandId;
  /** Told to whom it happens. */
  @Optional() @Text(500) reason?: string;
}

/** Something done at a console by somebody who is not attached. Refused while somebody else types, unless taken. */
export class ActOnConsole {
  @Id() node!: NodeId;
  @Nested(() => ConsoleAsk) act!: ConsoleAsk;
  /** Also while somebody else types, who is told. */
  @Optional() @IsBoolean() take?: boolean;
  @Optional() @OneOf(CONSOLE_WAYS) way?: ConsoleWay;
}

export class ActedOnConsole {
  /** What was done. */
  @Text(2000) detail!: string;
}

export const SCRIPT_STATES = ["running", "succeeded", "failed", "timed-out", "aborted"] as const;

/** An expect-style script, run by the console service with the console to itself. */
export class RunScript {
  @Id() node!: NodeId;
  /** One step a line: `expect /regex/ [within 10s]`, `send "text\r"`, `break`, `sysrq sync`, `sleep 1s`, `fail "text"` … */
  @Text(65_536) script!: string;
  /** For all of it. */
  @Integer(100, 3_600_000) deadlineMs!: number;
  /** Takes the console from whoever types. */
  @Optional() @IsBoolean() take?: boolean;
  @Optional() @Text(500) reason?: string;
}

export class ScriptRun {
  @CommandIdText() id!: CommandId;
  @Id() node!: NodeId;
  @ActorText() actor!: string;
  @OneOf(SCRIPT_STATES) state!: (typeof SCRIPT_STATES)[number];
  @Timestamp() startedAt!: string;
  @Optional() @Timestamp() endedAt?: string;
  /** The line that runs, or at which it ended, from 1. */
  @Integer(0) line!: number;
  /** Why it did not succeed. */
  @Optional() @Text(1000) detail?: string;
}

export class ScriptRef {
  @CommandIdText() id!: CommandId;
}

export class ScriptList {
  @NestedList(() => ScriptRun, 100) runs!: ScriptRun[];
}

/** A piece of console kept because of what was in it. Its bytes are at the listener. */
export class ConsoleCapture {
  @CommandIdText() id!: CommandId;
  @Id() node!: NodeId;
  @Timestamp() at!: string;
  @Id() rule!: string;
  @Text(500) line!: string;
  @Integer(0) bytes!: number;
}

export class ListCaptures {
  @Optional() @ListOf(ID_PATTERN, 2000) nodes?: NodeId[];
  @Optional() @Integer(1, 100) limit?: number;
}

export class CaptureList {
  @NestedList(() => ConsoleCapture, 100) captures!: ConsoleCapture[];
}

/** What a rule has done on a node. */
export class RuleRecord {
  @Id() rule!: string;
  @Id() node!: NodeId;
  @Integer(0) matches!: number;
  @Optional() @Timestamp() lastMatchAt?: string;
  @Integer(0) powerActions!: number;
  /** It does not act on power any more until a person has, or clears it. */
  @IsBoolean() latched!: boolean;
  @Optional() @Text(500) detail?: string;
}

export class RuleList {
  @NestedList(() => RuleRecord, 200) records!: RuleRecord[];
}

export class RuleRef {
  @Id() rule!: string;
  @Id() node!: NodeId;
}

export const listSessions = operation("console", "list-sessions", {
  request: ListSessions,
  reply: SessionList,
  summary: "Who is at which console.",
});
export const endSession = operation("console", "end-session", {
  request: EndSession,
  reply: Nothing,
  summary: "Disconnects somebody from a console.",
});
export const actOnConsole = operation("console", "act", {
  request: ActOnConsole,
  reply: ActedOnConsole,
  summary: "Break, SysRq, a pulse, line settings or a paste by somebody who is not attached.",
});
export const runScript = operation("console", "run-script", {
  request: RunScript,
  reply: ScriptRun,
  summary: "Begins a script at a console.",
});
export const getScript = operation("console", "get-script", {
  request: ScriptRef,
  reply: ScriptRun,
  summary: "What became of a script.",
});
export const abortScript = operation("console", "abort-script", {
  request: ScriptRef,
  reply: ScriptRun,
  summary: "Stops a script.",
});
export const listScripts = operation("console", "list-scripts", {
  request: Nothing,
  reply: ScriptList,
  summary: "The newest script runs.",
});
export const listCaptures = operation("console", "list-captures", {
  request: ListCaptures,
  reply: CaptureList,
  summary: "Captures, newest first.",
});
export const listRules = operation("console", "list-rules", {
  request: Nothing,
  reply: RuleList,
  summary: "What the rules have done.",
});
export const clearRule = operation("console", "clear-rule", {
  request: RuleRef,
  reply: Nothing,
  summary: "Lets a latched rule act again on a node.",
});
