import { createHash, randomBytes, timingSafeEqual } from "node:crypto";

/**
 * Secrets of 256 random bits need no slow hash: nobody tries them out. They are stored as SHA-256 all the same, so
 * that who reads the database, or a backup of it, holds none.
 */
export function randomSecret(): string {
  return randomBytes(32).toString("base64url");
}

export function randomId(): string {
  return randomBytes(9).toString("base64url").replaceAll(/[-_]/g, "x");
}

export function digestOf(secret: string): string {
  return createHash("sha256").update(secret).digest("hex");
}

/** In constant time. */
export function isDigestOf(secret: string, digest: string): boolean {
  const own = Buffer.from(digestOf(secret), "hex");
  const other = Buffer.from(digest, "hex");
  return own.length === other.length && timingSafeEqual(own, other);
}
