import type { SitePolicy } from "@outrider/contracts/fleet";
import type { Site } from "./site.js";

/** What is published of the site for many nodes together. */
export function policyOf(site: Site): SitePolicy {
  return {
    site: site.name,
    powerDomains: Object.fromEntries(
      [...site.powerDomains].map(([id, domain]) => [id, { ...domain, nodes: [...domain.nodes] }]),
    ),
    roles: Object.fromEntries([...site.roles].map(([id, { policy }]) => [id, { ...policy }])),
    draws: Object.fromEntries(
      site.nodes.flatMap(({ id, draw }) => (draw ? [[id, { ...draw }] as const] : [])),
    ),
  };
}
