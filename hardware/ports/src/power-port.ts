import type { EndpointAction } from "@outrider/contracts/agent";
import { seconds, type Duration } from "./time.js";
import type { Evidence, Host, Supply } from "@outrider/contracts/power";

/** Supply and host of one node as the device has just said. */
export interface PowerReading {
  readonly supply: Supply;
  readonly supplyEvidence: Evidence;
  readonly host: Host;
  readonly hostEvidence: Evidence;
  /** What the node draws, in watts, where the device measures it. */
  readonly drawWatts?: number;
  /** What a person should know beyond the two words: why one is `Unknown`, or that the host panicked. */
  readonly problem?: string;
}

/**
 * The reading of a supply that was read back as off. A machine without supply cannot run:
 * that its host is halted is a conclusion, no measurement.
 */
export const SUPPLY_OFF: PowerReading = {
  supply: "Off",
  supplyEvidence: "ReadBack",
  host: "Halted",
  hostEvidence: "Assumed",
};

/** The reading of a supply that was read back as on. What feeds a machine does not see whether it runs. */
export const SUPPLY_ON: PowerReading = {
  supply: "On",
  supplyEvidence: "ReadBack",
  host: "Unknown",
  hostEvidence: "Assumed",
};

/** The reading of a supply that is neither on nor off by what was read back. */
export const SUPPLY_UNKNOWN: PowerReading = { ...SUPPLY_ON, supply: "Unknown" };

export interface ReadOptions {
  /**
   * How long the question may be kept back so that one exchange answers for many endpoints. Default: not at all.
   * However long it is kept back, the answer is younger than the call.
   */
  readonly patience?: Duration | undefined;
}

/** How long one call may take by a port's own deadlines, with all the exchanges with its device that it is made of. */
export interface AnswersWithin {
  readonly read: Duration;
  /** `setSupply`, and each native action. */
  readonly act: Duration;
}

/** What an agent allows at least, so that a port says only what is more. */
export const USUAL_ANSWER: AnswersWithin = { read: seconds(5), act: seconds(11) };

/** What a device may be able to do by itself. The rest of the actions is composed from the supply. */
export type NativeAction = Extract<
  EndpointAction,
  "PowerCycle" | "ForceRestart" | "GracefulShutdown" | "PushPowerButton" | "Nmi"
>;

/**
 * The power of one node. Opening connects to nothing, so a device that is away leaves its endpoint bound.
 * Each method throws {@link PortError}, or the signal's reason when that was aborted, and has a deadline of
 * its own besides the signal. Calls may overlap; nothing may be called after disposal.
 */
export interface PowerPort extends AsyncDisposable {
  /** Where its own deadlines allow more than {@link USUAL_ANSWER}: the agent gives up only after this. */
  readonly answersWithin?: Partial<AnswersWithin>;
  /** Reads supply and host from the device. A device that cannot be reached is a PortError, never `Off`. */
  read(signal: AbortSignal, options?: ReadOptions): Promise<PowerReading>;
  /**
   * Asks the device once and returns when it has taken the request. Does not verify: the agent reads back.
   * Setting the present state is no error and switches nothing.
   */
  setSupply(on: boolean, signal: AbortSignal): Promise<void>;
  /**
   * What this device does by itself, asked once; an action that is not there is not offered to anybody. Returns when the device has taken it:
   * whether it then goes off and on the agent sees by reading. What it has taken is never `refused`.
   * An action without effect because the supply is off is `refused`.
   */
  readonly native: Readonly<Partial<Record<NativeAction, (signal: AbortSignal) => Promise<void>>>>;
  /**
   * How long its native `PowerCycle` leaves the supply off, where that is known: so long, and somewhat longer, the agent
   * leaves it to the device to switch on again.
   */
  readonly cycleLeavesOff?: Duration;
  /** Whether its native `ForceRestart` takes the supply away: it then counts as a start in its power domain. */
  readonly restartCyclesSupply?: boolean;
  /**
   * Calls back when the device says that something changed, and when its word was lost or is heard again;
   * the agent then reads. Reconnects by itself until it is disposed; says nothing about what changed.
   */
  watch?(changed: () => void): Disposable;
}
