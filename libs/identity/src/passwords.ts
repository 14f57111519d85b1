import { randomInt } from "node:crypto";
import {
  argon2Hash,
  isArgon2,
  isOutdated,
  matchesArgon2,
  unmatchableArgon2,
} from "./argon2-hash.js";
import { IdentityError } from "./identity-error.js";
import { matchesHash } from "./scrypt-hash.js";
import { BusyError, Turnstile } from "./turnstile.js";

export const PASSWORD_CHARACTERS = { min: 10, max: 256 } as const;
/** Longest secret that is looked at; hashing costs time by length. */
const MAX_SECRET_BYTES = 1024;

/** No letters and digits that are easily taken for one another: it may be typed off a terminal. */
const ALPHABET = "abcdefghjkmnpqrstuvwxyz23456789";

/** Each check takes 19 MiB and some ten milliseconds of a core: two at once, and no endless queue. */
const turnstile = new Turnstile(2, 256);
let nobody: string | undefined;

/** What a password of a person's own choice must be. @throws IdentityError `invalid` */
export function checkPassword(name: string, password: string): void {
  const { min, max } = PASSWORD_CHARACTERS;
  if (password.length < min || password.length > max) {
    throw new IdentityError("invalid", `password: expected ${min} to ${max} characters`);
  }
  if (password.toLowerCase().includes(name.toLowerCase()) && name.length > 2) {
    throw new IdentityError("invalid", "password: expected one that does not contain the name");
  }
  if (new Set(password).size < 5) {
    throw new IdentityError("invalid", "password: expected at least five different characters");
  }
}

/** A password of 99 random bits, in groups that can be read aloud. */
export function randomPassword(): string {
  const letters = Array.from({ length: 20 }, () => ALPHABET[randomInt(ALPHABET.length)]);
  return [0, 5, 10, 15].map((at) => letters.slice(at, at + 5).join("")).join("-");
}

/** @throws IdentityError `too-many` */
export function hashPassword(password: string): Promise<string> {
  return bounded(() => argon2Hash(password));
}

/**
 * Whether a password belongs to a hash. Without a hash it costs the same, and it never does.
 * @throws IdentityError `too-many` when too many are being checked
 */
export async function matchesPassword(
  hash: string | undefined,
  secret: Uint8Array,
): Promise<boolean> {
  if (secret.byteLength > MAX_SECRET_BYTES) return false;
  const against = hash ?? (nobody ??= unmatchableArgon2());
  return bounded(() =>
    isArgon2(against) ? matchesArgon2(against, secret) : matchesHash(against, secret),
  );
}

/** Whether a hash should be replaced at the next chance: an older form, or a lower cost. */
export const needsRehash = isOutdated;

async function bounded<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await turnstile.pass(work);
  } catch (error) {
    if (!(error instanceof BusyError)) throw error;
    throw new IdentityError("too-many", "too many passwords are being checked; try again", 1000);
  }
}
