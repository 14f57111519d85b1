import type { AuditEntry } from "@outrider/audit/audit-entry";
import type { Clock } from "@outrider/contracts/clock";
import type { ConsolePolicy } from "@outrider/contracts/console";
import type { NodeEvent } from "@outrider/contracts/node";
import type { Action } from "@outrider/contracts/power";
import type { NodeId } from "@outrider/contracts/ids";
import type { Log } from "@outrider/messaging/log";
import type { WireMemory } from "../state/remembered-wires.js";
import type { ConsoleLog } from "../log/console-log.js";
import type { Actor } from "./console-audit.js";

/** The screen of a console at a position of its log, drawn anew by its bytes. */
export interface ScreenReplay {
  readonly bytes: Buffer;
  readonly position: number;
}

/** Headless terminals of all consoles. */
export interface ConsoleScreens {
  /** What a terminal may be shown, as it came. Cheap. @returns false when it is not wanted now: there is too much */
  feed(node: NodeId, bytes: Buffer): boolean;
  /** Whether `feed` wants anything of this console now. */
  wants(node: NodeId): boolean;
  replay(log: ConsoleLog): Promise<ScreenReplay>;
}

/** An event before it has its id and time. */
export type Happening = Pick<NodeEvent, "severity" | "kind" | "message" | "data">;

/** What the consoles share. */
export interface ConsoleParts {
  readonly clock: Clock;
  readonly log: Log;
  /** Writes a record before what it says is done. @throws StorageError: then it must not be done */
  readonly audit: (entry: AuditEntry) => Promise<void>;
  /** Asks the power service on somebody's behalf. @returns what became of it @throws ActRefused */
  readonly power: (
    node: NodeId,
    action: Action,
    who: Actor,
    reason: string | undefined,
  ) => Promise<string>;
  readonly screens: ConsoleScreens;
  readonly wires: WireMemory;
  readonly happened: (node: NodeId, event: Happening) => void;
  /** Told of a defect: the process cannot go on. */
  readonly defect: (error: unknown) => void;
}

/** What is known of a node and its console, as the site declares it. */
export interface DeclaredConsole {
  readonly node: NodeId;
  /** For people. */
  readonly name: string;
  readonly policy: ConsolePolicy;
  readonly actions: readonly Action[];
}

/** Everybody at one console. */
export const MAX_PLACES = 128;
/** Everybody at all consoles. */
export const MAX_PLACES_IN_ALL = 2000;
