import { IsBoolean, Matches } from "class-validator";
import { ConsoleLinkState, ConsoleSession, SYSRQ_NAMES, type SysRqName } from "./console.js";
import {
  Id,
  Integer,
  Nested,
  NestedList,
  OneOf,
  Optional,
  Text,
  Timestamp,
  WordList,
} from "./decorators.js";
import { ACTIONS, type Action } from "./power.js";

/**
 * What is said on the WebSocket of a console, `GET /api/v1/nodes/{node}/console/attach`. Binary messages are console
 * bytes in both directions; text messages are these, as JSON: a client asks, the service tells.
 */

/** How somebody attaches: `write` types if nobody does, else looks on; `take` takes the console from who types. */
export const ATTACH_MODES = ["write", "spy", "take"] as const;
export type AttachMode = (typeof ATTACH_MODES)[number];

/** What is shown first: nothing, the last lines (`lines:200`), the boot so far, a time span (`since:10m`), the screen. */
export const REPLAY_PATTERN =
  /^(none|boot|previous-boot|screen|lines:\d{1,6}|since:(\d{1,9}(\.\d{1,3})?(ms|s|m|h|d)|\d{4}-\d\d-\d\dT[\d:.]{5,12}Z))$/;
/** `115200`, `115200,8n1`, `9600,7e1,rts-cts`; `declared`: what the site says. */
export const LINE_PATTERN =
  /^(declared|\d{2,8}(,[5-8][noems](1|1\.5|2)(,(none|rts-cts|xon-xoff))?)?)$/;
/** `^Ec`, `~`, `^]`: characters, `^` and a letter for a control character. */
export const ESCAPE_PATTERN = /^(none|(\^[A-Z[\]\\^_?]|[ -\]_-~]){1,3})$/;

export const CONSOLE_ASKS = [
  "write",
  "take",
  "release",
  "break",
  "sysrq",
  "pulse",
  "line",
  "paste",
  "close",
  "open",
  "power",
  "replay",
  "who",
  "message",
  "disconnect",
] as const;

/** Something that a client asks for beside typing. */
export class ConsoleAsk {
  @OneOf(CONSOLE_ASKS) ask!: (typeof CONSOLE_ASKS)[number];
  /** Repeated in the answer. */
  @Optional() @Integer(0) ref?: number;
  /** `break`: a named sequence; missing: one break. */
  @Optional() @Id() name?: string;
  /** `break`: how long; `pulse`: how long the line is turned over. */
  @Optional() @Integer(1, 10_000) ms?: number;
  @Optional() @WordList(SYSRQ_NAMES, 8) keys?: SysRqName[];
  /** `pulse` */
  @Optional() @OneOf(["dtr", "rts"]) line?: "dtr" | "rts";
  /** `line` */
  @Optional() @Matches(LINE_PATTERN) settings?: string;
  /** `close`: for how long the agent lets go of the device; missing: half an hour. */
  @Optional() @Integer(1000, 86_400_000) forMs?: number;
  /** `paste`: what; `message`: to all who are there; `power`, `disconnect` and `close`: why. */
  @Optional() @Text(262_144) text?: string;
  @Optional() @OneOf(ACTIONS) action?: Action;
  /** `replay` */
  @Optional() @Matches(REPLAY_PATTERN) from?: string;
  /** `disconnect`: whom. */
  @Optional() @Text(64) session?: string;
}

export const CONSOLE_TOLDS = [
  "attached",
  "mode",
  "notice",
  "replay",
  "live",
  "skipped",
  "gap",
  "link",
  "who",
  "done",
  "refused",
  "bye",
] as const;

/**
 * Something that the service tells. `attached` is the first; `replay` and `live` stand around the bytes of the past;
 * `done` and `refused` answer an ask; `bye` is the last, and says why.
 */
export class ConsoleTold {
  @OneOf(CONSOLE_TOLDS) told!: (typeof CONSOLE_TOLDS)[number];
  @Optional() @Integer(0) ref?: number;
  /** `attached`: the id of this session. */
  @Optional() @Text(64) session?: string;
  /** `attached`, `mode`: whether this one types. */
  @Optional() @IsBoolean() writes?: boolean;
  /** A sentence for the person. */
  @Optional() @Text(2000) text?: string;
  /** `refused`, `bye`: why, for programs. */
  @Optional() @Id() code?: string;
  /** `skipped`, `gap`: how many bytes; missing: not known. */
  @Optional() @Integer(0) bytes?: number;
  /** `gap`: between which times. */
  @Optional() @Timestamp() from?: string;
  @Optional() @Timestamp() to?: string;
  @Optional() @Nested(() => ConsoleLinkState) link?: ConsoleLinkState;
  @Optional() @NestedList(() => ConsoleSession, 1000) sessions?: ConsoleSession[];
}
