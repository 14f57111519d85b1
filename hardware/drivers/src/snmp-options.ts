import { Integer, Nested, OneOf, Optional } from "@outrider/contracts/decorators";
import { SecretReference } from "@outrider/contracts/secret";
import type { DriverContext } from "@outrider/ports/driver";
import { PortError } from "@outrider/ports/port-error";
import {
  SNMP_AUTH_PROTOCOLS,
  SNMP_KEY_CHARACTERS,
  SNMP_PRIVACY_PROTOCOLS,
  type SnmpAuthProtocol,
  type SnmpCredentials,
  type SnmpPrivacyProtocol,
} from "@outrider/transports/snmp-credentials";
import { SnmpDevice } from "@outrider/transports/snmp-device";
import { Matches } from "class-validator";

/** Where a device is asked by SNMP, and as whom. */
export class SnmpOptions {
  /** Name or address of the device. */
  @Matches(/^[A-Za-z0-9._:-]{1,253}$/)
  host!: string;
  /** Default 161. */
  @Optional()
  @Integer(1, 65_535)
  udpPort?: number;
  /** Default `2c`. Communities of `1` and `2c` travel unencrypted; `3` with keys does not. */
  @Optional()
  @OneOf(["1", "2c", "3"])
  version?: "1" | "2c" | "3";
  /** The community of versions 1 and 2c. To switch, it must be allowed to write. */
  @Optional()
  @Nested(() => SecretReference)
  community?: SecretReference;
  /** The user of version 3. */
  @Optional()
  @Matches(/^[!-~]{1,32}$/)
  user?: string;
  /** Default `sha256`. */
  @Optional()
  @OneOf(SNMP_AUTH_PROTOCOLS)
  authProtocol?: SnmpAuthProtocol;
  /** The password that the user of version 3 proves itself with; at least 8 characters. */
  @Optional()
  @Nested(() => SecretReference)
  authKey?: SecretReference;
  /** Default `aes`. `aes256` is Blumenthal's, `aes256r` is Reeder's, as Cisco has it. */
  @Optional()
  @OneOf(SNMP_PRIVACY_PROTOCOLS)
  privProtocol?: SnmpPrivacyProtocol;
  /** The password that version 3 encrypts with; at least 8 characters. Only together with authKey. */
  @Optional()
  @Nested(() => SecretReference)
  privKey?: SecretReference;
}

const SNMP_PORT = 161;

/**
 * The device that the options name; its connection is shared with every endpoint of this process that has the same.
 * @param name for messages: "The switch"
 * @param driver `power/snmp-poe`
 * @param advice what to do where options do not fit each other
 * @throws PortError `invalid-options`
 */
export async function snmpDevice(
  options: SnmpOptions,
  context: Pick<DriverContext, "clock" | "secret"> & Partial<Pick<DriverContext, "log">>,
  name: string,
  driver: string,
  advice = "Correct the endpoint in the site file.",
): Promise<SnmpDevice> {
  const { host, udpPort = SNMP_PORT } = options;
  const credentials = await credentialsOf(options, context, driver, advice);
  const { clock, log } = context;
  const address = { host, udpPort };
  return new SnmpDevice({ address, credentials, name, clock, ...(log && { log }) });
}

async function credentialsOf(
  options: SnmpOptions,
  { secret }: Pick<DriverContext, "secret">,
  driver: string,
  advice: string,
): Promise<SnmpCredentials> {
  const { version = "2c", community, user, authKey, privKey } = options;
  const wrong = (option: keyof SnmpOptions, what: string): PortError =>
    new PortError(
      "invalid-options",
      `The option ${option} of the driver ${driver}: ${what}. ${advice}`,
    );
  if (version !== "3") {
    for (const option of ["user", "authProtocol", "authKey", "privProtocol", "privKey"] as const) {
      if (options[option] !== undefined) throw wrong(option, "only version 3 has one");
    }
    if (!community) throw wrong("community", `version ${version} needs one`);
    return { version, community: await secret(community) };
  }
  if (community) throw wrong("community", "version 3 has none; it has a user with keys");
  if (user === undefined) throw wrong("user", "version 3 needs one");
  if (privKey && !authKey) throw wrong("privKey", "needs an authKey too (RFC 3411)");
  if (!authKey) return { version, user };
  const key = async (option: "authKey" | "privKey", reference: SecretReference) => {
    const text = await secret(reference);
    if (text.length >= SNMP_KEY_CHARACTERS) return text;
    throw wrong(option, `the secret has fewer than ${SNMP_KEY_CHARACTERS} characters (RFC 3414)`);
  };
  const { authProtocol = "sha256", privProtocol = "aes" } = options;
  const auth = { protocol: authProtocol, key: await key("authKey", authKey) };
  if (!privKey) return { version, user, auth };
  const privacy = { protocol: privProtocol, key: await key("privKey", privKey) };
  return { version, user, auth, privacy };
}

/** A number that was read, or undefined where the device has none there. */
export function numberAt(
  values: ReadonlyMap<string, number | string | Buffer | undefined>,
  oid: string | undefined,
): number | undefined {
  const value = oid === undefined ? undefined : values.get(oid);
  return typeof value === "number" ? value : undefined;
}
