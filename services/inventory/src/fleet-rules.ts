import { sitePolicy } from "@outrider/contracts/fleet";
import { policyOf } from "./site-policy.js";
import { quoted, type Report } from "./site-problem.js";
import type { DeclaredDomain, Site } from "./site.js";

/** What must fit together between nodes, power domains and roles. */
export function fleetProblems(site: Site, report: Report, warn: Report): void {
  const taken = new Map<string, string>();
  for (const [id, domain] of site.powerDomains) {
    nodesAreInOneDomain(id, domain, taken, report);
    budgetHoldsEachNode(site, id, domain, report);
    restoreCanBeSpaced(site, id, domain, report);
  }
  interlocksCanBeMet(site, warn);
  if (Buffer.byteLength(JSON.stringify(policyOf(site))) > sitePolicy.maxBytes) {
    report(
      ["powerDomains"],
      `what is declared of domains, roles and draws has more than ${sitePolicy.maxBytes} bytes, which is what a message holds; make it two sites`,
    );
  }
}

function nodesAreInOneDomain(
  id: string,
  { nodes }: DeclaredDomain,
  taken: Map<string, string>,
  report: Report,
): void {
  for (const node of nodes) {
    const first = taken.get(node);
    if (first === undefined) taken.set(node, id);
    else {
      report(
        ["powerDomains", id, "nodes"],
        `node ${node} is in power domain ${first} already; expected each node in one at most`,
      );
    }
  }
}

function budgetHoldsEachNode(
  { nodes }: Site,
  id: string,
  domain: DeclaredDomain,
  report: Report,
): void {
  const { wattBudget } = domain;
  if (wattBudget === undefined) return;
  const inside = new Set(domain.nodes);
  let most = { id: "", watts: 0 };
  for (const node of nodes) {
    const watts = node.draw?.startingWatts ?? 0;
    if (inside.has(node.id) && watts > most.watts) most = { id: node.id, watts };
  }
  if (most.watts > wattBudget) {
    report(
      ["powerDomains", id, "wattBudget"],
      `'${wattBudget}' is less than node ${most.id} draws when it starts, so it could never start; expected at least ${most.watts}`,
    );
  }
}

/** The agents restore without the services, and no agent sees the starts of another. */
function restoreCanBeSpaced(
  { nodes }: Site,
  id: string,
  domain: DeclaredDomain,
  report: Report,
): void {
  if (domain.oneAgent) return;
  const inside = new Set(domain.nodes);
  for (const node of nodes) {
    if (node.restore === "None" || !inside.has(node.id)) continue;
    report(
      ["nodes", node.id, "restore"],
      `${node.restore} cannot be spaced, because several agents drive power domain ${id}; ` +
        "expected None, or a power domain of one agent",
    );
  }
}

function interlocksCanBeMet({ nodes, roles }: Site, warn: Report): void {
  const members = new Map<string, number>();
  for (const node of nodes) {
    for (const role of new Set(node.roles)) members.set(role, (members.get(role) ?? 0) + 1);
  }
  for (const [id, { policy }] of roles) {
    const count = members.get(id) ?? 0;
    if (policy.interlock === undefined || count > policy.keepRunning) continue;
    warn(
      ["roles", id, "power", "interlock"],
      `${policy.interlock} keeps ${policy.keepRunning} up and role ${quoted(id)} has ${count} node${count === 1 ? "" : "s"}, ` +
        "so none of them may ever go down without an override",
    );
  }
}
