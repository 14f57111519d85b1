import { systemClock } from "@outrider/contracts/clock";
import { openDriver, type Driver } from "@outrider/ports/driver";
import type { PortError } from "@outrider/ports/port-error";
import type { NativeAction, PowerPort } from "@outrider/ports/power-port";
import type { Clock } from "@outrider/ports/time";
import type { SlotClient } from "@outrider/simulators/spawn";
import { expect } from "vitest";
import { driverContext } from "./context.js";

/**
 * What devices of a kind cannot do by their nature, so that no test may ask it of them.
 * - `host`: it switches a supply and does not see what hangs on it.
 * - `refusal`: it never says no; what it does not do is seen by reading.
 * - `outlets`: it cannot tell an outlet that is not there from one that does not answer.
 * - `overlap`: it answers one question after the other.
 * - `blind-acts`: it is read before it is asked to act, and not asked at all when it does not say what it is.
 */
export type Lack = "host" | "refusal" | "outlets" | "overlap" | "blind-acts";

/** A driver and the device it speaks to: a real process that keeps its own state and edges. */
export interface PowerRig extends AsyncDisposable {
  readonly driver: Driver<"power">;
  readonly lacks?: readonly Lack[];
  /** The native actions of this very device, where its kind may have more. Default: all that the driver declares. */
  readonly native?: readonly NativeAction[];
  /** The option that names the slot. Default: `slot`. */
  readonly slotOption?: string;
  /** What it is when the device is gone. Default: `unreachable`; a program in between can only say that it has failed. */
  readonly unreachable?: "refused";
  /** What its secrets are, by the file that refers to them. */
  readonly secrets?: Readonly<Record<string, string>>;
  /** Where programs are that its options name. */
  readonly programs?: Readonly<Record<string, string>>;
  /** Options of the endpoint in a slot: 1 and 2 are there, 99 is not. */
  optionsOf(slot: number): object;
  /** The device's own controls and its edge log: what tests assert on. */
  readonly world: SlotClient;
  /** What a message must name so that a person finds the device. */
  readonly address: string;
  /** Ends the device's process without warning. */
  kill(): Promise<void>;
  /** Starts it again, where it was. */
  restart(): Promise<void>;
  /** Takes the supply away without asking the device. */
  loseSupply(slot: number): Promise<void>;
}

export const forever: AbortSignal = new AbortController().signal;
/** A bound for what must happen in real time, generous for busy machines. */
export const soon = (): AbortSignal => AbortSignal.timeout(20_000);

/** Opens the endpoint of a slot, as an agent does. */
export function openSlot(
  {
    driver,
    optionsOf,
    secrets = {},
    programs = {},
  }: Pick<PowerRig, "driver" | "optionsOf" | "secrets" | "programs">,
  slot = 1,
  clock: Clock = systemClock,
): Promise<PowerPort> {
  return openDriver(driver, optionsOf(slot), driverContext({ clock, secrets, programs }));
}

/** What a promise rejects with. */
export function failure(promise: Promise<unknown>): Promise<PortError> {
  return promise.then(
    () => expect.unreachable("it succeeded"),
    (error: unknown) => error as PortError,
  );
}
