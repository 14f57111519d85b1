import { milliseconds, seconds, type Duration } from "@outrider/contracts/clock";
import type { Supply } from "@outrider/contracts/power";
import { withDeadline } from "@outrider/ports/deadline";
import { PortError, type PortErrorCode } from "@outrider/ports/port-error";
import { crashPoint } from "./failpoints.js";
import { isRefusal } from "./outcome.js";
import type { PowerEndpoint } from "./power-endpoint.js";
import type { Start } from "./start-queue.js";

/** How long a device may take to show what it was told. */
export const VERIFY_WITHIN: Duration = seconds(10);
/** How long a device may take from a cycle that it does by itself to its being off: BMCs answer long before they act. */
export const SEEN_OFF_WITHIN: Duration = seconds(20);

/** What came of telling a device to switch its supply. */
export type SwitchResult =
  /** It was read back as told. */
  | { readonly kind: "verified" }
  /** The device said no, so nothing was done. */
  | { readonly kind: "refused"; readonly code: PortErrorCode; readonly problem: string }
  /** It can be read and shows something else. */
  | { readonly kind: "not-verified"; readonly supply: Supply; readonly problem: string }
  /** It was told, perhaps, and cannot be read. */
  | { readonly kind: "unknown"; readonly code: PortErrorCode; readonly problem: string };

/**
 * Tells the device once and reads until it shows. A request whose fate is not known is not repeated: reading says
 * what became of it.
 * @param answered called once the device has said that it took the request, before anything is read
 * @throws the signal's reason when it is aborted
 */
export async function switchSupply(
  endpoint: PowerEndpoint,
  on: boolean,
  signal: AbortSignal,
  answered: () => void = () => {},
): Promise<SwitchResult> {
  let failed: PortError | undefined;
  crashPoint("agent.acting");
  try {
    await act(endpoint, signal, (within) => endpoint.port?.setSupply(on, within));
  } catch (error) {
    if (!(error instanceof PortError)) throw error;
    if (isRefusal(error.code)) return { kind: "refused", code: error.code, problem: error.message };
    failed = error;
  }
  if (!failed) answered();
  crashPoint("agent.acted");
  const wanted = on ? "On" : "Off";
  const seen = await readUntil(endpoint, (supply) => supply === wanted, VERIFY_WITHIN, signal);
  if (seen === wanted) return { kind: "verified" };
  if (seen instanceof PortError) {
    const { code, message } = failed ?? seen;
    return { kind: "unknown", code, problem: message };
  }
  const told = failed ? failed.message : "the device took the request";
  return {
    kind: "not-verified",
    supply: seen,
    problem: `the supply reads ${seen} ${VERIFY_WITHIN / 1000} s after it was told to be ${wanted}; ${told}`,
  };
}

/** Switches a supply on that the gate has let through, and tells the gate how that ends. */
export async function switchOn(
  endpoint: PowerEndpoint,
  start: Start,
  signal: AbortSignal,
): Promise<SwitchResult> {
  let begun = true;
  try {
    const result = await switchSupply(endpoint, true, signal, () => start.asked());
    begun = result.kind !== "refused";
    return result;
  } finally {
    start.over(begun);
  }
}

/** Asks the device for something, once. @throws PortError, or the signal's reason */
export async function act(
  endpoint: PowerEndpoint,
  signal: AbortSignal,
  ask: (signal: AbortSignal) => Promise<void> | undefined,
): Promise<void> {
  await withDeadline(
    endpoint.clock,
    endpoint.within("act"),
    signal,
    `The device of ${endpoint.id}`,
    async (within) => ask(within),
  );
}

/**
 * Reads until the supply is as wanted or the time is up, at first quickly.
 * @returns what was read last, or why it could not be read @throws the signal's reason
 */
export async function readUntil(
  endpoint: PowerEndpoint,
  wanted: (supply: Supply) => boolean,
  within: Duration,
  signal: AbortSignal,
): Promise<Supply | PortError> {
  const { clock } = endpoint;
  const endMs = clock.monotonicMs() + within;
  for (let pauseMs = 20; ; pauseMs = Math.min(250, pauseMs * 2)) {
    const seen = await trySense(endpoint, signal);
    const isWanted = !(seen instanceof PortError) && wanted(seen);
    if (isWanted || clock.monotonicMs() >= endMs) return seen;
    await clock.sleep(milliseconds(pauseMs), signal);
  }
}

/**
 * Leaves a supply that a cycle of the device's own has taken to the device, until it is on again or its cycle must be
 * over. @throws the signal's reason
 */
export async function comesOnByItself(endpoint: PowerEndpoint, signal: AbortSignal): Promise<void> {
  const { desired, port } = endpoint;
  const within = Math.max(desired.dwellMs, (port?.cycleLeavesOff ?? 0) + VERIFY_WITHIN);
  await readUntil(endpoint, (supply) => supply === "On", milliseconds(within), signal);
}

/** The supply, or why it could not be read. @throws the signal's reason */
export async function trySense(
  endpoint: PowerEndpoint,
  signal: AbortSignal,
): Promise<Supply | PortError> {
  try {
    return (await endpoint.sense(signal)).supply;
  } catch (error) {
    if (error instanceof PortError) return error;
    throw error;
  }
}
