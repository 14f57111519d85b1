/**
 * Why something was not done with people, and what to do.
 *
 * | code | |
 * |---|---|
 * | `not-found` | there is nobody, or nothing, of that name: look at the list |
 * | `conflict` | it exists already, or it would leave nobody who administers the site |
 * | `invalid` | a value is wrong; the message says which and what was expected |
 * | `sign-in-failed` | name or password is wrong; it is not said which |
 * | `too-many` | too many attempts: again after `retryAfterMs` |
 */
export const IDENTITY_ERROR_CODES = [
  "not-found",
  "conflict",
  "invalid",
  "sign-in-failed",
  "too-many",
] as const;
export type IdentityErrorCode = (typeof IDENTITY_ERROR_CODES)[number];

export class IdentityError extends Error {
  override readonly name = "IdentityError";
  readonly code: IdentityErrorCode;
  /** Of `too-many`. */
  readonly retryAfterMs: number | undefined;

  constructor(code: IdentityErrorCode, message: string, retryAfterMs?: number) {
    super(message);
    this.code = code;
    this.retryAfterMs = retryAfterMs;
  }
}
