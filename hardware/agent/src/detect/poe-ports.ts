import type { EndpointProposal } from "@outrider/contracts/agent-request";
import { detectPoePorts } from "@outrider/drivers/detect-poe-ports";
import type { NodeId } from "@outrider/contracts/ids";
import { PortError } from "@outrider/ports/port-error";
import type { Detecting, Detector } from "./detector.js";

const DEFAULT_COMMUNITY = "public";

/** Which PoE port of the switches that were named each node is on, by their tables of addresses and LLDP. Only reads. */
export const poePorts: Detector = {
  name: "poe",
  detect: async (detecting) => {
    const { switches = [], nodes = [] } = detecting.asked;
    const macs = new Map(nodes.flatMap(({ node, macs: own }) => own.map((mac) => [mac, node])));
    if (switches.length > 0 && macs.size === 0) {
      throw new PortError(
        "invalid-options",
        "No node of the site file has an address by which a switch could know it. Give nodes their macs, then ask again.",
      );
    }
    const found = await Promise.allSettled(switches.map((one) => ofSwitch(detecting, one, macs)));
    const failed = found.flatMap((one) => (one.status === "rejected" ? [one.reason as Error] : []));
    const proposals = found.flatMap((one) => (one.status === "fulfilled" ? one.value : []));
    const fatal = failed.find((error) => !(error instanceof PortError));
    if (fatal) throw fatal;
    for (const { message } of failed) detecting.trouble(message);
    return proposals;
  },
};

async function ofSwitch(
  { clock, signal, secret }: Detecting,
  { host, community }: NonNullable<Detecting["asked"]["switches"]>[number],
  macs: ReadonlyMap<string, NodeId>,
): Promise<EndpointProposal[]> {
  const readBy = community ? await secret(community) : DEFAULT_COMMUNITY;
  const asked = { host, community: readBy, macs: [...macs.keys()], clock };
  const { proposals } = await detectPoePorts(asked, signal);
  return proposals.map(({ mac, group, port, why, confidence }) => {
    const node = macs.get(mac);
    return {
      port: "power" as const,
      driver: "snmp-poe",
      options: {
        host,
        port,
        ...(group === 1 ? {} : { group }),
        // Reading needs less than switching does: the reference is for the person to correct.
        ...(community ? { community } : {}),
      },
      ...(node === undefined ? {} : { node }),
      why,
      confidence,
    };
  });
}
