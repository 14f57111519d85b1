import type { EndpointProposal } from "@outrider/contracts/agent-request";
import type { NodeId } from "@outrider/contracts/ids";
import type { SecretReference } from "@outrider/contracts/secret";
import { PortError } from "@outrider/ports/port-error";
import type { Detecting, Detector } from "./detector.js";

const DEFAULT_COMMUNITY = "public";
/** Refers to no secret: what nobody has given is asked by the community that everybody knows. */
const PUBLIC: SecretReference = {};

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
  asked: NonNullable<Detecting["asked"]["switches"]>[number],
  macs: ReadonlyMap<string, NodeId>,
): Promise<EndpointProposal[]> {
  const { version = asked.user === undefined ? "2c" : "3", ...options } = asked;
  // Only now: whoever has no switch needs none of what speaks to one.
  const { detectPoePorts } = await import("@outrider/drivers/detect-poe-ports");
  const withVersion = version === "2c" ? options : { ...options, version };
  const { proposals } = await detectPoePorts(
    version === "3" || options.community ? withVersion : { ...withVersion, community: PUBLIC },
    [...macs.keys()],
    { clock, secret: async (one) => (one === PUBLIC ? DEFAULT_COMMUNITY : secret(one)) },
    signal,
  );
  return proposals.map(({ mac, group, port, why, confidence }) => {
    const node = macs.get(mac);
    return {
      port: "power" as const,
      driver: "snmp-poe",
      options: {
        // Reading needs less than switching does: the references are for the person to correct.
        ...withVersion,
        port,
        ...(group === 1 ? {} : { group }),
      },
      ...(node === undefined ? {} : { node }),
      why,
      confidence,
    };
  });
}
