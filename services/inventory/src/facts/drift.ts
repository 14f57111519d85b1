import type { DescribedEndpoint } from "@outrider/contracts/agent";
import type { AgentId, EndpointId, NodeId } from "@outrider/contracts/ids";
import type { Drift, Part } from "@outrider/contracts/inventory";
import type { AgentVerdict } from "../inventory.js";
import { endpointsOf, type DeclaredNode, type Site } from "../site.js";
import { addressesOf } from "./facts.js";

export type Difference = Omit<Drift, "since">;

/** What an agent has said of itself since this service started. */
export interface SeenAgent {
  readonly endpoints: ReadonlyMap<EndpointId, DescribedEndpoint>;
}

export interface Seen {
  /** Every agent that has described itself, declared or not. */
  readonly agents: ReadonlyMap<AgentId, SeenAgent>;
  readonly verdicts: ReadonlyMap<AgentId, AgentVerdict>;
  /** Boards, network interfaces and disks that were found. */
  readonly parts: ReadonlyMap<NodeId, readonly Part[]>;
}

/** Where what is there is not what is declared. Pure. */
export function driftOf(site: Site, seen: Seen): Difference[] {
  return [
    ...agentDrift(site, seen),
    ...site.nodes.flatMap((node) => partDrift(site, node, seen.parts.get(node.id))),
  ];
}

function agentDrift(site: Site, { agents, verdicts }: Seen): Difference[] {
  const declared = new Set(site.agents);
  const unknown = [...agents.keys()].filter((agent) => !declared.has(agent));
  return [
    ...unknown.map((agent) =>
      difference(
        "agent",
        agent,
        "nothing",
        "an agent",
        `agent ${agent} is connected and not declared; declare it, or stop it`,
      ),
    ),
    ...site.agents.flatMap((agent) => {
      const known = agents.get(agent);
      if (!known) {
        return [
          difference(
            "agent",
            agent,
            "an agent",
            "nothing",
            `agent ${agent} has not described itself since this service started; check that it runs and is let in`,
          ),
        ];
      }
      if (verdicts.get(agent) === "refused") {
        return [
          difference(
            "agent",
            agent,
            "endpoints as in the site file",
            "drivers that refuse them",
            `agent ${agent} does not accept its part of the site file; its nodes' events say why`,
          ),
        ];
      }
      return endpointDrift(site, agent, known);
    }),
  ];
}

function endpointDrift(site: Site, agent: AgentId, { endpoints }: SeenAgent): Difference[] {
  return endpointsOf(site, agent).flatMap(({ node, declared }) => {
    const found = endpoints.get(declared.endpoint);
    const what = `${declared.endpoint} by ${declared.driver}`;
    if (!found) {
      return [
        difference(
          "endpoint",
          node.id,
          what,
          "nothing",
          `agent ${agent} does not have ${declared.endpoint} yet; when that lasts, look into its log`,
        ),
      ];
    }
    if (found.state === "failed") {
      return [
        difference(
          "endpoint",
          node.id,
          what,
          "failed",
          `${declared.endpoint} could not be opened: ${found.reason ?? "no reason given"}`,
        ),
      ];
    }
    return [];
  });
}

function partDrift(
  site: Site,
  node: DeclaredNode,
  parts: readonly Part[] | undefined,
): Difference[] {
  if (!parts) return [];
  return [
    ...serialDrift(node, parts),
    ...addressDrift(node, parts),
    ...diskDrift(site, node, parts),
  ];
}

function serialDrift({ id, serial }: DeclaredNode, parts: readonly Part[]): Difference[] {
  // What was seen last comes first.
  const found = parts.find((part) => part.kind === "board" && part.serial !== undefined)?.serial;
  if (serial === undefined || found === undefined || found.toLowerCase() === serial.toLowerCase())
    return [];
  return [
    difference(
      "serial",
      id,
      serial,
      found,
      `the board in ${id} is another one; when it was exchanged, change serial in the site file`,
    ),
  ];
}

function addressDrift({ id, macs }: DeclaredNode, parts: readonly Part[]): Difference[] {
  const found = new Set(addressesOf(parts));
  if (found.size === 0) return [];
  const missing = macs.filter((mac) => !found.has(mac));
  if (missing.length === 0) return [];
  return [
    difference(
      "mac",
      id,
      missing.join(", "),
      [...found].join(", "),
      `declared addresses were not found in ${id}; when its network interface was exchanged, change macs in the site file`,
    ),
  ];
}

function diskDrift(site: Site, { id, roles }: DeclaredNode, parts: readonly Part[]): Difference[] {
  // A disk that two sources have seen is one disk.
  const disks = new Map<string, number>();
  for (const [index, { kind, serial, slot, bytes = 0 }] of parts.entries()) {
    if (kind === "disk") disks.set(serial?.toLowerCase() ?? slot ?? String(index), bytes);
  }
  return roles.flatMap((role) =>
    [...(site.roles.get(role)?.disks ?? [])].flatMap(([name, { count, minimumBytes }]) => {
      const fitting = [...disks.values()].filter((bytes) => bytes >= minimumBytes).length;
      if (fitting >= count) return [];
      const declared = `${count} of at least ${minimumBytes} bytes for ${name}`;
      return [
        difference(
          "disks",
          id,
          declared,
          String(fitting),
          `role ${role} needs ${declared}; ${id} has ${fitting}`,
        ),
      ];
    }),
  );
}

function difference(
  kind: string,
  subject: string,
  declared: string,
  found: string,
  detail: string,
): Difference {
  return {
    kind,
    subject,
    declared: declared.slice(0, 500),
    found: found.slice(0, 500),
    detail: detail.slice(0, 1000),
  };
}
