/**
 * Why a console did not take what was sent or asked.
 *
 * - `gone`: the link to the agent ended meanwhile. Whether the device has taken it is not known. Look at the console.
 * - `unreachable`: the agent cannot reach the device. Its condition says why.
 * - `unsupported`: the device cannot do this. Repeating is of no use.
 * - `busy`: too much is waiting for the device already. Wait for it, then repeat.
 * - `purged`: a purge threw it away before the device had taken it.
 * - `failed`: the device said no, or did not answer in time; its words are in the message.
 */
export const LINK_ERROR_CODES = [
  "gone",
  "unreachable",
  "unsupported",
  "busy",
  "purged",
  "failed",
] as const;
export type LinkErrorCode = (typeof LINK_ERROR_CODES)[number];

/** Told apart by `code`, never by message. */
export class LinkError extends Error {
  override readonly name = "LinkError";

  /** @param message what happened and what to do, for a person; no secrets */
  constructor(
    readonly code: LinkErrorCode,
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}
