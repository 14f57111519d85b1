import { Integer, Nested, OneOf, Optional, Text } from "@outrider/contracts/decorators";
import { SecretReference } from "@outrider/contracts/secret";
import type { DriverContext } from "@outrider/ports/driver";
import { Ipmitool } from "@outrider/transports/ipmitool";
import { IsIn, Matches } from "class-validator";

const PRIVILEGES = ["USER", "OPERATOR", "ADMINISTRATOR"] as const;

/** A BMC that speaks IPMI 2.0 over the network, and who asks it. */
export class IpmiOptions {
  /** Name or address of the BMC. */
  @Matches(/^[A-Za-z0-9:][A-Za-z0-9.:-]{0,254}$/)
  host!: string;
  /** UDP port. Default: 623. */
  @Optional() @Integer(1, 65_535) port?: number;
  /** Name of a user of the BMC. */
  @Text(64) username!: string;
  /** Where the agent's host has the user's password. */
  @Nested(() => SecretReference) password!: SecretReference;
  /** Cipher suite: 17 (SHA-256, AES) by default, 3 (SHA-1, AES) for older BMCs. Those without encryption are not offered. */
  @Optional() @IsIn([3, 17]) cipherSuite?: number;
  /** What the session may do. Default: OPERATOR. */
  @Optional() @OneOf(PRIVILEGES) privilege?: (typeof PRIVILEGES)[number];
}

export async function openIpmi(options: IpmiOptions, context: DriverContext): Promise<Ipmitool> {
  const { host, port = 623, username, cipherSuite = 17, privilege = "OPERATOR" } = options;
  const password = await context.secret(options.password);
  const bmc = { host, port, username, password, cipherSuite, privilege };
  return new Ipmitool(bmc, context.clock);
}

/** What most examples have in common. */
export const EXAMPLE_BMC = {
  host: "10.0.0.21",
  username: "outrider",
  password: { file: "/etc/outrider/secrets/bmc" },
} as const;
