/** How a user of SNMP version 3 proves who it is. */
export const SNMP_AUTH_PROTOCOLS = ["md5", "sha", "sha256", "sha512"] as const;
export type SnmpAuthProtocol = (typeof SNMP_AUTH_PROTOCOLS)[number];
/** How version 3 encrypts. `aes`: 128 bits, RFC 3826. `aes256`: Blumenthal's key extension; `aes256r`: Reeder's. */
export const SNMP_PRIVACY_PROTOCOLS = ["des", "aes", "aes256", "aes256r"] as const;
export type SnmpPrivacyProtocol = (typeof SNMP_PRIVACY_PROTOCOLS)[number];
/** A user's name, as far as switches take it. */
export const SNMP_USER = /^[!-~]{1,32}$/;
