import { join } from "node:path";
import { networkInterfaces } from "node:os";
import type { EndpointProposal } from "@outrider/contracts/agent-request";
import type { Detecting, Detector } from "./detector.js";
import { namesIn } from "./files.js";

/** More networks than these are not asked. */
const MOST_NETWORKS = 16;

/**
 * Plugs and hosts that announce themselves in the networks of the agent's host. Anybody there can announce anything: a
 * name is compared with nodes that are known, and becomes no id.
 */
export const announcedServices: Detector = {
  name: "mdns",
  detect: async ({ root, clock, signal, asked, trouble, looked }) => {
    const present = new Set(await namesIn(join(root, "sys/class/net")));
    const own = Object.entries(networkInterfaces())
      .filter(([name]) => present.has(name))
      .flatMap(([, addresses = []]) => addresses)
      .filter(({ family, internal }) => family === "IPv4" && !internal)
      .map(({ address }) => address);
    if (own.length === 0) {
      looked("mDNS: the host has no IPv4 network in which it could ask");
      return [];
    }
    const { detectAnnounced } = await import("@outrider/drivers/detect-announced");
    const networks = own.slice(0, MOST_NETWORKS);
    const { proposals, failed } = await detectAnnounced(networks, clock, signal);
    for (const message of failed) trouble(message);
    looked(
      `mDNS from ${networks.join(", ")}: ${proposals.length === 0 ? "nothing announced itself that there is a driver for" : `${proposals.length} announced themselves`}`,
    );
    return proposals.map((one) => ofNode(one, asked));
  },
};

type Announced = Awaited<
  ReturnType<typeof import("@outrider/drivers/detect-announced").detectAnnounced>
>["proposals"][number];

/** Whose it is, for the heartbeat of a host that is known by its address or its name. */
export function ofNode(
  { host, mac, ...announced }: Announced,
  { nodes = [] }: Detecting["asked"],
): EndpointProposal {
  const proposal = { ...announced, options: { ...announced.options } };
  if (announced.port !== "heartbeat") return proposal;
  const byAddress = nodes.find(({ macs }) => mac !== undefined && macs.includes(mac));
  if (byAddress) {
    const why = `${announced.why} Its address ${mac} is the node's.`;
    return { ...proposal, node: byAddress.node, why, confidence: "high" };
  }
  const byName = nodes.find(({ node }) => node === host);
  if (!byName) return proposal;
  const why = `${announced.why} It has the node's name, which anybody can give himself.`;
  return { ...proposal, node: byName.node, why, confidence: "medium" };
}
