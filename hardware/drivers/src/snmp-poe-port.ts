import { Integer, OneOf, Optional } from "@outrider/contracts/decorators";
import { PortError } from "@outrider/ports/port-error";
import { POE_PROFILES, type PoeProfileName } from "./poe-profiles.js";
import { SnmpOptions } from "./snmp-options.js";

/** A port of a switch that feeds its node through the network cable. */
export class SnmpPoeOptions extends SnmpOptions {
  /** The port's number in the switch's PoE table, which is not always the number on its front. */
  @Integer(1, 4_294_967_295)
  port!: number;
  /** The unit of a stack, as the PoE table counts it. Default 1. */
  @Optional()
  @Integer(1, 4_294_967_295)
  group?: number;
  /** Where the switch says what a port draws. Missing: nowhere. */
  @Optional()
  @OneOf(Object.keys(POE_PROFILES))
  profile?: PoeProfileName;
}

/** pethPsePortEntry of POWER-ETHERNET-MIB (RFC 3621). */
export const POE_PORT_ENTRY = "1.3.6.1.2.1.105.1.1.1";
export const POE_ADMIN = { on: 1, off: 2 } as const;
export const POE_DETECTION = { disabled: 1, searching: 2, delivering: 3 } as const;

/** The port's row of the table, and the objects in it that say what it is. */
export function poePortRow({ group = 1, port }: SnmpPoeOptions): {
  readonly row: string;
  readonly admin: string;
  readonly detection: string;
} {
  const row = `${group}.${port}`;
  return { row, admin: `${POE_PORT_ENTRY}.3.${row}`, detection: `${POE_PORT_ENTRY}.6.${row}` };
}

/** @param what the switch with its address */
export function noSuchPoePort(what: string, row: string): PortError {
  return new PortError(
    "invalid-options",
    `${what} has no PoE port ${row} in its table of ports (RFC 3621): correct the option port or group in the site file. \`snmpwalk … ${POE_PORT_ENTRY}.3\` lists them; a switch without any has no PoE, or hides the table from this community or user.`,
  );
}
