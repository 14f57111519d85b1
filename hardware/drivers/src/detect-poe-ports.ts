import type { DriverContext } from "@outrider/ports/driver";
import { findPoePorts, type PoePortFindings } from "./snmp-topology.js";
import { snmpDevice, type SnmpOptions } from "./snmp-options.js";

/**
 * Which PoE ports of a switch the machines with these addresses are on: what `power/snmp-poe` wants to know. Only reads.
 * @throws PortError when the switch cannot be read, or has no PoE
 */
export async function detectPoePorts(
  options: SnmpOptions,
  macs: readonly string[],
  context: Pick<DriverContext, "clock" | "secret">,
  signal: AbortSignal,
): Promise<PoePortFindings> {
  using device = await snmpDevice(options, context, "The switch", "power/snmp-poe", "Ask again.");
  return await findPoePorts(device, macs, signal);
}
