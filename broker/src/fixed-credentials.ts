import { createHash, timingSafeEqual } from "node:crypto";
import type { Identity } from "@outrider/contracts/acl";
import type { CredentialStore } from "@outrider/identity/credential-store";

/** Credentials held in memory, for whoever composes a broker with processes whose secrets it makes up itself. */
export function fixedCredentials(
  held: readonly { readonly identity: Identity; readonly secret: string }[],
): CredentialStore {
  const digest = (secret: string | Uint8Array): Buffer =>
    createHash("sha256").update(secret).digest();
  return {
    verify: async (claim, secret) =>
      held.find(
        (one) =>
          one.identity.kind === claim.kind &&
          one.identity.name === claim.name &&
          timingSafeEqual(digest(one.secret), digest(secret)),
      )?.identity,
    refresh: async () => {},
    stillStands: (identity) => held.some((one) => one.identity === identity),
    close: async () => {},
  };
}
