import type { AgentId, EndpointId, NodeId } from "@outrider/contracts/ids";

/**
 * What a console's bytes are on their way from agent to service. An agent numbers every byte it reads from an endpoint,
 * from 0 through the life of the spool, which has an id of its own: `stream`. Each break has a number too, and each gap
 * has at least one, so that whoever goes on at a number gets each item exactly once. A gap may have very many: after an
 * agent was killed, numbers that it may have used go into the gap. How much is missing is what `lost` says, never a
 * difference of numbers. What follows an item begins at {@link nextAfter} of it. A position is comparable only within
 * one stream.
 */

/** Bytes in the order in which they came. */
export interface StreamBytes {
  readonly kind: "bytes";
  /** Number of the first byte. */
  readonly offset: number;
  /** When it was read by the agent: microseconds since 1970, UTC. */
  readonly atMicros: number;
  readonly bytes: Uint8Array;
}

/**
 * - `spool-overflow`: the spool was full while nobody took its bytes; the oldest went.
 * - `overrun`: the UART or the device had no room.
 * - `agent-down`: no agent read the line between the two times.
 * - `disconnected`: the device was away between the two times.
 * - `spool-failed`: the agent's disk took no bytes, and its memory for them was full.
 */
export const GAP_REASONS = [
  "spool-overflow",
  "overrun",
  "agent-down",
  "disconnected",
  "spool-failed",
] as const;
export type GapReason = (typeof GAP_REASONS)[number];

/** A place where bytes are missing, or may be. */
export interface StreamGap {
  readonly kind: "gap";
  /** Number of what comes first after the gap; the gap's own numbers, those of lost bytes among them, are before it. */
  readonly offset: number;
  /** How many bytes are missing; undefined: not known, perhaps none. */
  readonly lost: number | undefined;
  readonly reason: GapReason;
  readonly fromMicros: number;
  readonly toMicros: number;
}

/** The far end sent a break: no byte, but a place in the stream. */
export interface StreamBreak {
  readonly kind: "break";
  /** Its own number. */
  readonly offset: number;
  readonly atMicros: number;
}

export type StreamItem = StreamBytes | StreamGap | StreamBreak;

/** The number of what comes after an item: whoever has stored the item goes on, and acknowledges, there. */
export function nextAfter(item: StreamItem): number {
  switch (item.kind) {
    case "bytes":
      return item.offset + item.bytes.length;
    case "gap":
      return item.offset;
    case "break":
      return item.offset + 1;
  }
}

/** What the agent's spool offers the link. */
export interface StreamSource {
  /** New whenever the numbering begins anew. */
  readonly stream: string;
  /** Number of the oldest item that is still there. */
  readonly first: number;
  /** Number that the next item will have. */
  readonly next: number;
  /** Where the items of this process of the agent begin; those before bear times of another process's clock. */
  readonly began: number;
  /**
   * What comes at and after `from`, up to `maxBytes`, oldest first; empty when there is nothing newer. Where `from` is
   * not there any more, begins with a gap that says how much is missing.
   */
  read(from: number, maxBytes: number): Promise<readonly StreamItem[]>;
  /** The same where it is in memory, as what was just said is; undefined: `read` may have to wait for it. */
  readNow?(from: number, maxBytes: number): readonly StreamItem[] | undefined;
  /** Everything before `offset` is stored at the service and may be forgotten. */
  acknowledge(offset: number): void;
  /** The service has stored more than was ever here: numbering goes on behind `offset`, after a gap that says so. */
  skipTo?(offset: number): void;
  /** Calls back when there is something newer. */
  onAppended(callback: () => void): Disposable;
}

/** Which console of which agent. */
export interface ConsoleAddress {
  readonly agent: AgentId;
  readonly endpoint: EndpointId;
  readonly node: NodeId;
  readonly driver: string;
}

/** What the far end can be asked for. */
export const CONSOLE_ABILITIES = ["break", "dtr", "rts", "line", "purge", "modem"] as const;
export type ConsoleAbility = (typeof CONSOLE_ABILITIES)[number];

/** Settings of the wire: as `LineSettings` of the ports. */
export interface WireSettings {
  readonly baudRate: number;
  readonly dataBits: 5 | 6 | 7 | 8;
  readonly parity: "none" | "odd" | "even" | "mark" | "space";
  readonly stopBits: 1 | 1.5 | 2;
  readonly flowControl: "none" | "rts-cts" | "xon-xoff";
}

export interface WireLines {
  readonly cts: boolean;
  readonly dsr: boolean;
  readonly ri: boolean;
  readonly dcd: boolean;
}

/** By whom and until when a device was given up. */
export interface DeviceClosing {
  readonly actor: string;
  /** RFC 3339, by the agent's clock. */
  readonly until: string;
  readonly reason?: string | undefined;
}

/** What the agent says of the device, at the start and at every change. */
export interface ConsoleCondition {
  readonly up: boolean;
  readonly detail?: string | undefined;
  readonly abilities: readonly ConsoleAbility[];
  /** The device or address as people know it. */
  readonly device?: string | undefined;
  readonly line?: WireSettings | undefined;
  /** What the site declares, where there is a wire with settings. */
  readonly declaredLine?: WireSettings | undefined;
  /** The agent has let go of the device, so that another program can have it. */
  readonly closed?: DeviceClosing | undefined;
  readonly modem?: WireLines | undefined;
  /** Set while the spool cannot be written to disk. */
  readonly spoolProblem?: string | undefined;
}

/** What is asked of the device beside bytes. */
export type ConsoleRequest =
  | { readonly kind: "break"; readonly ms: number }
  | { readonly kind: "control"; readonly dtr?: boolean; readonly rts?: boolean }
  /** Turns a line over, from however it is, and back after so long: also when nobody waits for it any more. */
  | { readonly kind: "pulse"; readonly line: "dtr" | "rts"; readonly ms: number }
  /** Sets DTR and RTS, where they were set, to what the site declares; on where it says nothing. */
  | { readonly kind: "rest" }
  | { readonly kind: "line"; readonly settings: WireSettings }
  | { readonly kind: "purge"; readonly what: "receive" | "transmit" | "both" }
  /** Lets go of the device for so long; taken back by itself. */
  | {
      readonly kind: "close";
      readonly ms: number;
      readonly actor: string;
      readonly reason?: string | undefined;
    }
  | { readonly kind: "open" };
