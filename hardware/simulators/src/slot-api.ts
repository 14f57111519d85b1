import type { UartLine } from "./uart-line.js";

/**
 * The slot API: what a rack and a chassis say over HTTP, as JSON.
 * A slot is one place for one machine: a supply that can be switched, a button, and whatever runs there.
 */

export type SupplyState = "on" | "off";

/**
 * What the machine in the slot does. `halted` and `panicked` still draw power.
 * `paused` only occurs where somebody stopped a virtual machine's processors.
 */
export type HostState = "running" | "halted" | "panicked" | "off" | "paused";

/** One slot as it is now. */
export interface SlotView {
  /** Counts from 1. */
  readonly slot: number;
  readonly supply: SupplyState;
  readonly host: HostState;
  readonly flavour: string;
  /** The process behind the slot, where there is one and the supply is on. */
  readonly pid?: number;
  readonly drawWatts: number;
  /** Changes whenever the machine starts anew (supply, reset, wake). Missing while the supply is off. */
  readonly bootId?: string;
}

export const EDGES = [
  "supply-on",
  "supply-off",
  "reset",
  "press",
  "nmi",
  "halted",
  "panicked",
  "guest-reset",
  "brown-out",
] as const;
export type EdgeName = (typeof EDGES)[number];

/** Who made a change: a request to this program, the guest itself, or the world outside. */
export type EdgeCause = "api" | "guest" | "outside";

/** One physical change of one slot. Requests that change nothing leave no edge. */
export interface Edge {
  /** Counts from 1 through the life of the directory, across restarts. */
  readonly seq: number;
  readonly slot: number;
  readonly edge: EdgeName;
  /** RFC 3339 in UTC. For people. */
  readonly at: string;
  /** CLOCK_MONOTONIC of the host, in milliseconds: comparable between processes of one host until it reboots. */
  readonly monotonicMs: number;
  readonly cause: EdgeCause;
  /** What all slots drew together just after it, in watts. Racks only. */
  readonly totalWatts?: number;
}

/**
 * What the device itself answers for when it is asked for all slots at once. One that a fault keeps silent is left out.
 * `seq` is the newest edge of the slot that the answer takes into account.
 */
export interface SlotReading extends Pick<SlotView, "slot" | "supply" | "host" | "drawWatts"> {
  readonly seq: number;
}

/** Faults of one slot. Setting replaces all of them: `{}` is a healthy slot. */
export interface Faults {
  /** Refuses to switch on: the next n times, or always. */
  readonly refuseOn?: number | true;
  /** Refuses to switch off: the next n times, or always. */
  readonly refuseOff?: number | true;
  /** The relay is welded: switching off is answered as done, and the supply stays on. */
  readonly stuckOn?: boolean;
  /** The guest does not react to a short press. The press is still an edge. */
  readonly ignoreButton?: boolean;
  /** Every action happens, and is answered, this much later. */
  readonly delayMs?: number;
  /**
   * `true`: requests about the slot are accepted, not acted on and never answered.
   * `after-acting`: they are acted on and never answered, as when the answer is lost.
   */
  readonly silent?: boolean | "after-acting";
  /** How long the guest takes to shut down in order. Simulated guests only. */
  readonly shutdownTakesMs?: number;
}

/** What went over a slot's console since the program started, in bytes. */
export interface ConsoleCounts {
  /** Said by the machine. */
  readonly sent: number;
  /** Of these, lost because the client was 4 MiB behind: an overrun. */
  readonly dropped: number;
  /** Of these, said while no client was connected. */
  readonly unheard: number;
  /** Typed, and taken by the machine. */
  readonly received: number;
  /** Breaks that the machine was sent. */
  readonly breaks: number;
  /** Whether a client is connected. */
  readonly connected: boolean;
}

/** What a console is asked for over HTTP: `Upgrade: slot-console`; raw bytes both ways from then on. */
export const CONSOLE_PROTOCOL = "slot-console";

/** What the device measures of a slot, worked out from what it draws. */
export interface SlotSensors {
  readonly voltageVolts: number;
  readonly currentAmperes: number;
  readonly powerWatts: number;
  readonly temperatureCelsius: number;
}

/** What a simulated guest can be told to do by itself. */
export const GUEST_ACTS = ["halt", "panic", "reset"] as const;
export type GuestAct = (typeof GUEST_ACTS)[number];

/**
 * - `bad-request`: the request is malformed; correct it.
 * - `forbidden`: the request came from a web page or by a wrong host name.
 * - `no-such-slot`: the slot is not in this rack or chassis.
 * - `not-found`: there is no such path.
 * - `unsupported`: this program does not offer the action; the message says where it is.
 * - `refused`: a configured fault; try again or clear the fault.
 * - `failed`: the machine could not be started; the message has its last words.
 */
export type SlotErrorCode =
  | "bad-request"
  | "forbidden"
  | "no-such-slot"
  | "not-found"
  | "unsupported"
  | "refused"
  | "failed";

export const HTTP_STATUS: Readonly<Record<SlotErrorCode, number>> = {
  "bad-request": 400,
  forbidden: 403,
  "no-such-slot": 404,
  "not-found": 404,
  unsupported: 501,
  refused: 503,
  failed: 500,
};

/** An answer other than success, on either side of the API. */
export class SlotError extends Error {
  override readonly name = "SlotError";
  constructor(
    readonly code: SlotErrorCode,
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}

/** What the slot server serves: a rack or a chassis. */
export interface SlotMachine {
  slots(): readonly SlotView[];
  view(slot: number): SlotView;
  /** Switches the supply. The present state again is no error and no edge. @throws SlotError */
  setSupply(slot: number, on: boolean): Promise<SlotView>;
  /** Pulls the reset line. */
  reset(slot: number): Promise<SlotView>;
  /** Raises a non-maskable interrupt. */
  nmi(slot: number): Promise<SlotView>;
  /** Presses the power button. A hold of {@link HOLD_MS} or more halts the machine by force. */
  button(slot: number, holdMs: number): Promise<SlotView>;
  /** Takes the supply away as a blackout does: nobody asked for it. */
  brownOut(slot: number): Promise<SlotView>;
  /** Lets a simulated guest do something by itself. */
  guest(slot: number, act: GuestAct): Promise<SlotView>;
  /** Slots whose lamp shines. It has the device's own supply, whatever the slot does. */
  readonly lamps: Set<number>;
  /** The slot's console. It is there whether the machine is or not. */
  console(slot: number): UartLine;
  /** Holds the console's line towards the machine in the break condition. A dead machine does not notice. */
  sendBreak(slot: number, ms: number): Promise<void>;
  faults(slot: number): Faults;
  setFaults(slot: number, faults: Faults): void;
  /** Whether the device itself has power. Without, it answers nothing about its slots. */
  readonly mains: boolean;
  /** Takes the mains of the whole device away, all supplies with it in one instant, or brings it back: they stay off. */
  setMains(on: boolean): Promise<void>;
}

/** From this on, a press is a hold: boards then cut the machine off whatever it does (4 s by the ACPI specification). */
export const HOLD_MS = 4000;
