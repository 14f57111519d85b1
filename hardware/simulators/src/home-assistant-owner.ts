import { createHmac, randomBytes } from "node:crypto";

/** The one person of a Home Assistant of a test, who came by no form: what `.storage/auth` has of them. */
export interface OwnerKey {
  /** Of the refresh token. */
  readonly id: string;
  /** Signs what is made with it. */
  readonly key: string;
}

export function newOwner(): OwnerKey {
  return { id: randomBytes(16).toString("hex"), key: randomBytes(64).toString("hex") };
}

/** A long-lived token (JSON Web Token, HS256) as the profile page of Home Assistant makes one, good for a day. */
export function ownerToken({ id, key }: OwnerKey): string {
  const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString("base64url");
  const now = Math.floor(Date.now() / 1000);
  const claims = { iss: id, iat: now, exp: now + 86_400 };
  const signed = `${part({ alg: "HS256", typ: "JWT" })}.${part(claims)}`;
  return `${signed}.${createHmac("sha256", key).update(signed).digest("base64url")}`;
}

/** The `data` of `.storage/auth`. @param release of Home Assistant that is said to have written it */
export function ownerRecord({ id, key }: OwnerKey, release: string): object {
  const user = randomBytes(16).toString("hex");
  return {
    users: [
      {
        id: user,
        group_ids: ["system-admin"],
        is_owner: true,
        is_active: true,
        name: "Owner",
        system_generated: false,
        local_only: false,
      },
    ],
    groups: [
      { id: "system-admin", name: "Administrators" },
      { id: "system-users", name: "Users" },
      { id: "system-read-only", name: "Read Only" },
    ],
    credentials: [],
    refresh_tokens: [
      {
        id,
        user_id: user,
        client_id: null,
        client_name: "tests",
        client_icon: null,
        token_type: "long_lived_access_token",
        created_at: new Date().toISOString(),
        access_token_expiration: 315_360_000,
        token: randomBytes(64).toString("hex"),
        jwt_key: key,
        last_used_at: null,
        last_used_ip: null,
        credential_id: null,
        version: release,
      },
    ],
  };
}
