import type { Clock } from "@outrider/ports/time";
import { SnmpDevice } from "@outrider/transports/snmp-device";
import { findPoePorts, type PoePortFindings } from "@outrider/transports/snmp-topology";

const SNMP_PORT = 161;

/**
 * Which PoE ports of a switch the machines with these addresses are on: what `power/snmp-poe` wants to know. Only reads.
 * @throws PortError when the switch cannot be read, or has no PoE
 */
export async function detectPoePorts(
  asked: {
    readonly host: string;
    readonly udpPort?: number;
    readonly community: string;
    readonly macs: readonly string[];
    readonly clock: Clock;
  },
  signal: AbortSignal,
): Promise<PoePortFindings> {
  const { host, udpPort = SNMP_PORT, community, macs, clock } = asked;
  using device = new SnmpDevice({
    address: { host, udpPort },
    credentials: { version: "2c", community },
    name: "The switch",
    clock,
  });
  return await findPoePorts(device, macs, signal);
}
