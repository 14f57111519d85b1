/**
 * Why something asked of a console was not done.
 *
 * - `not-writing`: only who types may do this. Take the console first.
 * - `not-allowed`: a right is missing. An administrator grants it.
 * - `invalid`: it cannot be read. Mend it.
 * - `not-found`: there is no such break sequence, session, or part of the past.
 * - `unsupported`: the device cannot do this.
 * - `unreachable`: agent or device are away. The sentence says which.
 * - `busy`: somebody else types, something else is being done, or the device is lent to another program.
 * - `failed`: the device said no, or it is not known whether it was done. Look before it is repeated.
 * - `rejected`: the power service said no: nothing was done.
 * - `not-recorded`: the audit log cannot be written, so it was not done.
 * - `aborted`: it was interrupted.
 */
export const ACT_REFUSALS = [
  "not-writing",
  "not-allowed",
  "invalid",
  "not-found",
  "unsupported",
  "unreachable",
  "busy",
  "failed",
  "rejected",
  "not-recorded",
  "aborted",
] as const;
export type ActRefusal = (typeof ACT_REFUSALS)[number];

/** What a person asked for and did not get. */
export class ActRefused extends Error {
  override readonly name = "ActRefused";
  constructor(
    readonly code: ActRefusal,
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}
