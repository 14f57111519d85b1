import type { Duration } from "./time.js";

export const PARITIES = ["none", "odd", "even", "mark", "space"] as const;
export const FLOW_CONTROLS = ["none", "rts-cts", "xon-xoff"] as const;

/** How bytes are put on a serial wire. */
export interface LineSettings {
  /** Bits per second. */
  readonly baudRate: number;
  readonly dataBits: 5 | 6 | 7 | 8;
  readonly parity: (typeof PARITIES)[number];
  readonly stopBits: 1 | 1.5 | 2;
  readonly flowControl: (typeof FLOW_CONTROLS)[number];
}

/** The lines that the far end drives, as last seen. */
export interface ModemLines {
  readonly cts: boolean;
  readonly dsr: boolean;
  readonly ri: boolean;
  readonly dcd: boolean;
}

/** The lines that this end drives. */
export interface ControlLines {
  readonly dtr: boolean;
  readonly rts: boolean;
}

/** Whether bytes can flow now. */
export interface ConsoleLink {
  readonly up: boolean;
  /** For a person, when it is down: what happened and what to do. No secrets. */
  readonly detail?: string;
}

/** Bytes that will never come. */
export interface ConsoleLoss {
  /** How many, where the device counted them. */
  readonly bytes: number | undefined;
  /** `overrun`: the device had no room. `disconnected`: the device was away between two times. */
  readonly reason: "overrun" | "disconnected";
}

/** What a console tells whoever opened it. Called in the order in which it happened; must not throw. */
export interface ConsoleListener {
  /** Bytes as they came, each as soon as it was read; the buffer may be kept. */
  bytes(chunk: Buffer): void;
  /** Bytes were lost just before what comes next. */
  lost(loss: ConsoleLoss): void;
  /** Said once after the start, and at every change. */
  link(link: ConsoleLink): void;
  /** Where the device tells. */
  modem?(lines: ModemLines): void;
  /** The far end sent a break, where the device tells. */
  broke?(): void;
}

/**
 * The console of one node: a stream of bytes in both directions. Opening connects to nothing. After `start` the port
 * connects, reconnects by itself with back-off until it is disposed, and reads always, whether or not anybody looks.
 * What it cannot do is missing, never a method that does nothing. Each method throws {@link PortError}, or the signal's
 * reason when that was aborted, and has a deadline of its own besides the signal.
 */
export interface ConsolePort extends AsyncDisposable {
  /** Begins to read. Called once. */
  start(listener: ConsoleListener): void;
  /**
   * Sends bytes; resolves when the device has taken them, so that whoever waits sends no faster than the wire.
   * @throws PortError `unreachable` while the link is down: nothing is queued for later
   */
  write(bytes: Uint8Array, signal: AbortSignal): Promise<void>;
  /**
   * Sends what the device takes at once, for a key that should not wait for promises; does not wait itself. Nothing is
   * overtaken: while anything is being sent it takes none.
   * @returns how many of the bytes, from the first on, the device has taken as `write` means it; the rest is for `write`
   * @throws PortError as `write`
   */
  writeNow?(bytes: Uint8Array): number;
  /** The device or address as people know it: `/dev/ttyAMA0`. No secrets. */
  readonly device?: string;
  /** Present settings, where there is a wire with settings. */
  readonly line?: LineSettings;
  /** What its options say, whatever was set since. */
  readonly declaredLine?: LineSettings;
  /** How its options say that DTR and RTS are; what they leave alone is missing. */
  readonly declaredControl?: Partial<ControlLines>;
  setLine?(settings: LineSettings, signal: AbortSignal): Promise<void>;
  /** Holds the line in the break condition for so long. Touches neither DTR nor RTS. */
  sendBreak?(duration: Duration, signal: AbortSignal): Promise<void>;
  /** Sets the lines that are named and leaves the other alone. */
  setControl?(lines: Partial<ControlLines>, signal: AbortSignal): Promise<void>;
  /** Throws away what the device holds and has not yet handed over or sent. */
  purge?(what: "receive" | "transmit" | "both", signal: AbortSignal): Promise<void>;
}
