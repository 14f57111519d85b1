/**
 * Why a device did not do or say what it was asked. A device failing is a condition that is reported,
 * not a defect.
 *
 * - `refused`: the device was reached and said no. Its words are in the message; look at the device, then repeat.
 * - `unreachable`: no connection, or it broke. Check that the device has power and that its address is right.
 *   When an action was under way it may have happened: read before repeating.
 * - `timed-out`: the device took the request and did not answer in time. It may have acted: read before
 *   repeating. When it stays silent, restart the device.
 * - `unsupported`: the device cannot do this. Repeating is of no use; choose another action or driver.
 * - `invalid-options`: the endpoint is declared wrongly. The message names the option; correct the site file.
 * - `protocol`: something answered, but not as this kind of device does. Check that the address belongs to it
 *   and that its firmware is a supported one.
 */
export const PORT_ERROR_CODES = [
  "refused",
  "unreachable",
  "timed-out",
  "unsupported",
  "invalid-options",
  "protocol",
] as const;
export type PortErrorCode = (typeof PORT_ERROR_CODES)[number];

/** The only error that a port throws, an aborted signal's own reason apart. Told apart by `code`, never by message. */
export class PortError extends Error {
  override readonly name = "PortError";

  /** @param message what happened and what to do, for a person; no secrets */
  constructor(
    readonly code: PortErrorCode,
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}
