import { ErrorStatus } from "net-snmp";
import { PortError } from "@outrider/ports/port-error";
import { connectionError } from "./connection-error.js";

/** Names of RFC 3416's error-status, and what each asks of the person. */
const ADVICE: Readonly<Record<number, string>> = {
  [ErrorStatus.NoSuchName]:
    "either it has no such object, or it lets this community only read: give the community write access",
  [ErrorStatus.ReadOnly]: "it lets this community or user only read: give it write access",
  [ErrorStatus.NoAccess]:
    "this community or user may only read, or its view leaves this object out: give it write access",
  [ErrorStatus.NotWritable]:
    "the object cannot be written by this community or user: give it write access",
  [ErrorStatus.AuthorizationError]:
    "this community or user may not, or not in this way: a device that asks its user of version 3 for encryption wants privKey (and the right privProtocol), and switching takes write access",
  [ErrorStatus.NoCreation]:
    "it has no such object: check the numbers of port or outlet, and the profile",
  [ErrorStatus.BadValue]: "it does not take this value: choose another profile",
  [ErrorStatus.WrongType]: "it wants a value of another type: choose another profile",
  [ErrorStatus.WrongValue]: "it does not take this value: choose another profile",
  [ErrorStatus.ResourceUnavailable]:
    "it lacks what this takes, as a rule power: look at its budget",
  [ErrorStatus.InconsistentValue]:
    "its present state does not allow it: look at the outlet's lock and the port's settings",
};

/** What net-snmp rejects with, as far as it is used here. */
interface SnmpFailure extends Error {
  /** RequestFailedError: the device's error-status. */
  readonly status?: number;
  /** ResponseInvalidError: why an answer was not taken. */
  readonly code?: number | string;
}

/** An error-status of RFC 3416 that stands for one object of many: the rest can be asked again without it. */
export function refusedObject(error: unknown): { status: number; oid: string } | undefined {
  const { name, status, message } = error as SnmpFailure;
  if (name !== "RequestFailedError" || status === undefined) return undefined;
  return { status, oid: /: ([\d.]+)$/.exec(message)?.[1] ?? "" };
}

/** net-snmp's code for it, which its types do not have yet. */
const NOT_IN_TIME_WINDOW = 14;

/** Whether an answer was not taken because its engineBoots or engineTime are not those of now (RFC 3414, 3.2 step 7b). */
export function isOutsideTimeWindow(error: Error | null): boolean {
  const { name, code } = (error ?? {}) as Partial<SnmpFailure>;
  return name === "ResponseInvalidError" && code === NOT_IN_TIME_WINDOW;
}

/** A device of version 3 says a time of before: it was restarted and has not counted that, or its answer is an old one. */
export class OutsideTimeWindow extends Error {
  override readonly name = "OutsideTimeWindow";
  /** @param nothingDone whether it was the device's report that it has not done what it was asked */
  constructor(readonly nothingDone: boolean) {
    super("The answer is outside the time window.");
  }
}

/**
 * The PortError of a question or a request that failed.
 * @param what names the device with its address: "The switch at 10.0.0.2:161"
 */
export function snmpError(what: string, error: unknown): Error {
  if (error instanceof PortError || !(error instanceof Error)) return error as Error;
  if (error instanceof OutsideTimeWindow) return timeGoneBack(what, error);
  const failure = error as SnmpFailure;
  if (failure.name === "RequestFailedError") return refusal(what, failure);
  if (failure.name === "ResponseInvalidError") return invalid(what, failure);
  if (typeof failure.code === "string") return connectionError(what, error);
  // Of the library's own words only the kind is passed on: they may repeat what was sent.
  return new PortError(
    "protocol",
    `${what} sent something that is not SNMP as it was asked (${failure.name}). Check that the address and the version belong to the device.`,
  );
}

/** What silence may mean: a device that does not know the community drops the question (RFC 3584, 5.2.1). */
export function silenceAdvice(version: "1" | "2c" | "3"): string {
  return version === "3"
    ? "Either it does not run or cannot be reached, or it does not speak SNMPv3 to this host: check power, address, its list of managers, and that version 3 is switched on."
    : "Either it does not run or cannot be reached, or it does not know the community, which SNMP answers with silence: check power and address first, then the community, its list of managers, and the version.";
}

function refusal(what: string, { status = 0, message }: SnmpFailure): PortError {
  const name = ErrorStatus[status] ?? `error-status ${status}`;
  const object = /: ([\d.]+)$/.exec(message)?.[1];
  const advice = ADVICE[status] ?? "look at its own log, then repeat";
  return new PortError(
    "refused",
    `${what} said no (${name}${object === undefined ? "" : ` for ${object}`}): ${advice}.`,
  );
}

const USM_WORDS = /^(Unsupported|Not In|Unknown|Wrong|Decryption)[A-Za-z (),]{1,70}$/;

function timeGoneBack(what: string, { nothingDone }: OutsideTimeWindow): PortError {
  const done = nothingDone
    ? "It has not done what it was asked"
    : "Whether it has done what it was asked is not known: look at its state";
  return new PortError(
    "protocol",
    `${what} says a time (engineBoots, engineTime of SNMPv3) that cannot be now, so its answer is not believed. ${done}. If this happens again, look whether two devices have this address, and whether it keeps its engineBoots over a restart.`,
  );
}

function invalid(what: string, { message, code }: SnmpFailure): PortError {
  if (USM_WORDS.test(message)) {
    return new PortError(
      "refused",
      `${what} does not take the SNMPv3 user (${message}): check the options user, authProtocol, authKey, privProtocol and privKey against the device's own table of users.`,
    );
  }
  return new PortError(
    "protocol",
    `${what} gave an answer that does not fit the question (${String(code)}). Check that the address belongs to it, and the version, keys and protocols of its SNMPv3 user.`,
  );
}
