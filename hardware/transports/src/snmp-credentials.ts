import { AuthProtocols, PrivProtocols, SecurityLevel, type User } from "net-snmp";

/** How a device tells who asks. Keys and communities are secrets: they are in no message and no log. */
export type SnmpCredentials =
  | { readonly version: "1" | "2c"; readonly community: string }
  | {
      readonly version: "3";
      readonly user: string;
      readonly auth?: { readonly protocol: SnmpAuthProtocol; readonly key: string };
      /** Only together with `auth` (RFC 3411, 3.4.3). */
      readonly privacy?: { readonly protocol: SnmpPrivacyProtocol; readonly key: string };
    };

export const SNMP_AUTH_PROTOCOLS = ["md5", "sha", "sha256", "sha512"] as const;
export type SnmpAuthProtocol = (typeof SNMP_AUTH_PROTOCOLS)[number];
/** `aes`: 128 bits, RFC 3826. `aes256`: Blumenthal's key extension; `aes256r`: Reeder's, as Cisco has it. */
export const SNMP_PRIVACY_PROTOCOLS = ["des", "aes", "aes256", "aes256r"] as const;
export type SnmpPrivacyProtocol = (typeof SNMP_PRIVACY_PROTOCOLS)[number];

/** RFC 3414, 11.2: no shorter passwords. */
export const SNMP_KEY_CHARACTERS = 8;

const AUTH: Readonly<Record<SnmpAuthProtocol, AuthProtocols>> = {
  md5: AuthProtocols.md5,
  sha: AuthProtocols.sha,
  sha256: AuthProtocols.sha256,
  sha512: AuthProtocols.sha512,
};
const PRIVACY: Readonly<Record<SnmpPrivacyProtocol, PrivProtocols>> = {
  des: PrivProtocols.des,
  aes: PrivProtocols.aes,
  aes256: PrivProtocols.aes256b,
  aes256r: PrivProtocols.aes256r,
};

/** The user of version 3 as net-snmp takes it. */
export function snmpUser({
  user,
  auth,
  privacy,
}: Extract<SnmpCredentials, { version: "3" }>): User {
  if (!auth) return { name: user, level: SecurityLevel.noAuthNoPriv };
  const authenticated = { name: user, authProtocol: AUTH[auth.protocol], authKey: auth.key };
  if (!privacy) return { ...authenticated, level: SecurityLevel.authNoPriv };
  return {
    ...authenticated,
    level: SecurityLevel.authPriv,
    privProtocol: PRIVACY[privacy.protocol],
    privKey: privacy.key,
  };
}
