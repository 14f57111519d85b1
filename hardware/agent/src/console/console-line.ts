import type { ConsoleLine } from "@outrider/console-link/console-line";
import type { StreamSource } from "@outrider/console-link/console-stream";
import type { AgentId, EndpointId } from "@outrider/contracts/ids";
import type { Clock } from "@outrider/contracts/clock";
import type { Log } from "@outrider/messaging/log";
import type { LinkTarget } from "./link-config.js";

/**
 * What the console endpoints of this agent (endpoints, bindings) and its link to the console service (spools, link)
 * are to each other. An endpoint appends to its spool what its device says, and is a {@link ConsoleLine}.
 */
export type { ConsoleLine } from "@outrider/console-link/console-line";

export interface ConsoleLinkOptions {
  readonly agent: AgentId;
  /** Undefined: spools fill, and nothing is dialled, because of `problem`. */
  readonly target: LinkTarget | undefined;
  /** What is wrong with the configuration, and what to set. */
  readonly problem?: string | undefined;
  /** The agent's own, as on MQTT; undefined where it has none. */
  readonly secret: string | undefined;
  readonly clock: Clock;
  readonly log: Log;
}

/** The agent's link to the console service, as `link.ts` makes it. */
export interface ConsoleLink {
  /** Offers a console; disposing takes it away. Before `start` or after. */
  add(line: ConsoleLine): Disposable;
  /** Dials, and dials again, until it is stopped. */
  start(): void;
  stop(): Promise<void>;
  /** For people: whether it stands, and why not. */
  readonly state: { readonly up: boolean; readonly detail?: string };
}

/** One endpoint's spool. None of its synchronous methods waits for a disk. */
export interface ConsoleSpool extends StreamSource, AsyncDisposable {
  /** Takes bytes that were read just now; the buffer is kept. Gathers by itself when they come thick. */
  append(bytes: Uint8Array): void;
  /** Bytes were lost, or the device was away, until now. */
  gap(gap: {
    readonly lost: number | undefined;
    readonly reason: "overrun" | "disconnected";
    readonly fromMicros: number;
  }): void;
  /** The far end sent a break. */
  break(): void;
  /** When something was last read; undefined: never yet. */
  readonly lastMicros: number | undefined;
  /** Set while the disk takes nothing, with what to do. */
  readonly problem: string | undefined;
  /** Calls back when {@link problem} changes. */
  onProblem(callback: () => void): Disposable;
}

/** The spools of this agent. */
export interface ConsoleSpools extends AsyncDisposable {
  /** Opens or makes the spool of an endpoint and marks the time in which nobody read it. Never fails for a disk. */
  open(endpoint: EndpointId): Promise<ConsoleSpool>;
  /** These and no others are this agent's; what is left of others goes in time. Never fails for a disk. */
  keepOnly(endpoints: Iterable<EndpointId>): Promise<void>;
  /** Microseconds since 1970 that never go back in this process. */
  nowMicros(): number;
}
