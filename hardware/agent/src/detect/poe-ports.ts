import type { EndpointProposal } from "@outrider/contracts/agent-request";
import type { NodeId } from "@outrider/contracts/ids";
import type { SecretReference } from "@outrider/contracts/secret";
import { PortError } from "@outrider/ports/port-error";
import type { Detecting, Detector } from "./detector.js";

const DEFAULT_COMMUNITY = "public";
/** Refers to no secret: what nobody has given is asked by the community that everybody knows. */
const PUBLIC: SecretReference = {};
/** Where the community that may switch could lie: `public` is for looking, and an endpoint needs one that it refers to. */
const YOURS: SecretReference = { file: "/etc/outrider/secrets/poe" };

type Switch = NonNullable<Detecting["asked"]["switches"]>[number];
type Owners = ReadonlyMap<string, NodeId>;

/** Which PoE port of the switches that were named each node is on, by their tables of addresses and LLDP. Only reads. */
export const poePorts: Detector = {
  name: "poe",
  detect: async (detecting) => {
    const { switches = [], nodes = [] } = detecting.asked;
    const owners = new Map(nodes.flatMap(({ node, macs }) => macs.map((mac) => [mac, node])));
    if (switches.length === 0) {
      detecting.looked("no switch: none was named (`--switch`)");
      return [];
    }
    if (owners.size === 0) {
      throw new PortError(
        "invalid-options",
        "No node of the site file has an address by which a switch could know it. Give nodes their macs, then ask again.",
      );
    }
    const found = await Promise.allSettled(switches.map((one) => ofSwitch(detecting, one, owners)));
    const failed = found.flatMap((one) => (one.status === "rejected" ? [one.reason as Error] : []));
    const seen = found.flatMap((one) => (one.status === "fulfilled" ? [one.value] : []));
    const fatal = failed.find((error) => !(error instanceof PortError));
    if (fatal) throw fatal;
    for (const { message } of failed) detecting.trouble(message);
    const proposals = seen.flatMap((one) => one.proposals);
    if (seen.length > 0) tellMissing(detecting, proposals, seen, owners);
    return proposals;
  },
};

interface OnSwitch {
  readonly proposals: readonly EndpointProposal[];
  /** Where nodes were seen that hang on no PoE port. */
  readonly withoutPoe: ReadonlyMap<NodeId, string>;
}

async function ofSwitch(
  { clock, signal, secret, looked }: Detecting,
  asked: Switch,
  owners: Owners,
): Promise<OnSwitch> {
  const { version = asked.user === undefined ? "2c" : "3", ...options } = asked;
  // Only now: whoever has no switch needs none of what speaks to one.
  const { detectPoePorts } = await import("@outrider/drivers/detect-poe-ports");
  const withVersion = version === "2c" ? options : { ...options, version };
  const byPublic = version !== "3" && !options.community;
  const found = await detectPoePorts(
    byPublic ? { ...withVersion, community: PUBLIC } : withVersion,
    [...owners.keys()],
    { clock, secret: async (one) => (one === PUBLIC ? DEFAULT_COMMUNITY : secret(one)) },
    signal,
  );
  looked(
    `${found.what}${byPublic ? " by the community public" : ""}: ${found.ports} PoE ports, ${found.addresses} addresses in its table, ${found.proposals.length} of ${owners.size} addresses of nodes on a PoE port`,
  );
  const proposals = found.proposals.map(({ mac, group, port, why, confidence }) => {
    const node = owners.get(mac);
    return {
      port: "power" as const,
      driver: "snmp-poe",
      options: {
        // Reading needs less than switching does: the references are for the person to correct.
        ...withVersion,
        ...(byPublic ? { community: YOURS } : {}),
        port,
        ...(group === 1 ? {} : { group }),
      },
      ...(node === undefined ? {} : { node }),
      why: byPublic
        ? `${why} It was asked by public: the community that may switch is yours to put into a file, and its name here.`
        : why,
      confidence,
    };
  });
  const withoutPoe = found.withoutPoe.flatMap(({ mac, interfaceName }) => {
    const node = owners.get(mac);
    return node === undefined ? [] : [[node, `${interfaceName} of ${found.what}`] as const];
  });
  return { proposals, withoutPoe: new Map(withoutPoe) };
}

/** Which nodes were found on no PoE port, and why that may be. */
function tellMissing(
  { looked }: Detecting,
  proposals: readonly EndpointProposal[],
  seen: readonly OnSwitch[],
  owners: Owners,
): void {
  const found = new Set(proposals.map(({ node }) => node));
  const missing = [...new Set(owners.values())].filter((node) => !found.has(node));
  const elsewhere = new Map(seen.flatMap(({ withoutPoe }) => [...withoutPoe]));
  for (const node of missing) {
    const where = elsewhere.get(node);
    if (where) looked(`${node}: it was seen on ${where}, which belongs to no PoE port`);
  }
  const unseen = missing.filter((node) => !elsewhere.has(node));
  if (unseen.length > 0) {
    looked(
      `${listed(unseen)}: in no table of the switches that answered. Off or silent for minutes, on another switch, or its macs in the site file are others`,
    );
  }
}

const MOST_NAMES = 10;

function listed(nodes: readonly NodeId[]): string {
  const more = nodes.length - MOST_NAMES;
  return more <= 0
    ? nodes.join(", ")
    : `${nodes.slice(0, MOST_NAMES).join(", ")} and ${more} more nodes`;
}
