import { createHash } from "node:crypto";
import type { DesiredDomain, DesiredEndpoint } from "@outrider/contracts/agent";
import type { AgentId } from "@outrider/contracts/ids";
import { canonical } from "./canonical.js";
import {
  domainOf,
  endpointsOf,
  type DeclaredEndpoint,
  type DeclaredNode,
  type Site,
} from "./site.js";

/** Least age at which a report is stale, so that a slow bus does not make everything stale. */
const STALE_AFTER_MS = 10_000;

/** What an agent shall have, as the site file says. */
export function desiredEndpoints(site: Site, agent: AgentId): DesiredEndpoint[] {
  return endpointsOf(site, agent).map(({ node, declared }) => ({
    endpoint: declared.endpoint,
    node: node.id,
    port: declared.kind,
    driver: declared.driver,
    options: { ...declared.options },
    ...(Object.keys(declared.needs).length > 0 ? { needs: needsOf(declared) } : {}),
    restore: declared.kind === "power" ? node.restore : "None",
    dwellMs: node.dwell,
    sampleEveryMs: declared.sampling,
    staleAfterMs: staleAfterMs(declared.sampling, declared.reporting),
    ...toldOf(declared),
    ...(declared.kind === "power" ? supplyOf(site, node) : {}),
  }));
}

function needsOf({ needs }: DeclaredEndpoint): NonNullable<DesiredEndpoint["needs"]> {
  return Object.fromEntries(
    Object.entries(needs).map(([name, { driver, options }]) => [
      name,
      { driver, options: { ...options } },
    ]),
  );
}

/** What counts for starts of a node's supply. */
function supplyOf(
  site: Site,
  { id, draw }: DeclaredNode,
): Pick<DesiredEndpoint, "domain" | "runningWatts" | "startingWatts"> {
  const domain = domainOf(site, id);
  return { ...(domain === undefined ? {} : { domain }), ...draw };
}

/** The power domains that an agent drives supplies of, with the limits that it keeps by itself. */
export function desiredDomains(site: Site, agent: AgentId): DesiredDomain[] {
  const own = new Set(
    endpointsOf(site, agent).flatMap(({ node, declared }) =>
      declared.kind === "power" ? (domainOf(site, node.id) ?? []) : [],
    ),
  );
  return [...site.powerDomains]
    .filter(([id]) => own.has(id))
    .map(([id, { nodes: _nodes, oneAgent: _oneAgent, ...limits }]) => ({ domain: id, ...limits }));
}

/** What of its samples is told. */
function toldOf({
  reporting,
  deadband,
  burst,
}: DeclaredEndpoint): Pick<DesiredEndpoint, "reportEveryMs" | "deadband" | "burst"> {
  return {
    ...(reporting === undefined ? {} : { reportEveryMs: reporting }),
    ...(deadband === undefined ? {} : { deadband: { ...deadband } }),
    ...(burst === undefined
      ? {}
      : { burst: { sampleEveryMs: burst.sampling, forMs: burst.duration } }),
  };
}

/** An unchanged value is repeated three times in this span, and sampled oftener than it is repeated. */
export function staleAfterMs(sampleEveryMs: number, reportEveryMs = 0): number {
  return Math.max(STALE_AFTER_MS, 4 * sampleEveryMs, 3 * reportEveryMs);
}

/** Equal for equal content, whatever the order of keys or of nodes in the file. */
export function contentHash(
  endpoints: readonly DesiredEndpoint[],
  domains: readonly DesiredDomain[] = [],
): string {
  const sorted = endpoints.toSorted((a, b) => (a.endpoint < b.endpoint ? -1 : 1));
  const limits = domains.toSorted((a, b) => (a.domain < b.domain ? -1 : 1));
  const content = limits.length === 0 ? sorted : [sorted, limits];
  return createHash("sha256").update(canonical(content)).digest("hex");
}

/** The generation that was published last, and of what. */
export interface Published {
  readonly generation: number;
  readonly hash: string;
}

/**
 * The generation of a content: it rises when the content changes, and only then.
 * @param described the generation that the agent echoes. Higher than ours, our own memory is lost or old, and
 * ours must rise above it, or the agent would keep what it has.
 */
export function generationOf(
  hash: string,
  published: Published | undefined,
  described: number,
): number {
  if (published && published.hash === hash && described <= published.generation)
    return published.generation;
  return Math.max(published?.generation ?? 0, described) + 1;
}
