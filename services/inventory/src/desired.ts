import { createHash } from "node:crypto";
import type { DesiredEndpoint } from "@outrider/contracts/agent";
import type { AgentId } from "@outrider/contracts/ids";
import { canonical } from "./canonical.js";
import { endpointsOf, type Site } from "./site.js";

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
    restore: declared.kind === "power" ? node.restore : "None",
    dwellMs: node.dwell,
    sampleEveryMs: node.sampling,
    staleAfterMs: staleAfterMs(node.sampling),
  }));
}

/** An unchanged value is repeated three times in this span, and sampled oftener than it is repeated. */
export function staleAfterMs(sampleEveryMs: number): number {
  return Math.max(STALE_AFTER_MS, 4 * sampleEveryMs);
}

/** Equal for equal content, whatever the order of keys or of nodes in the file. */
export function contentHash(endpoints: readonly DesiredEndpoint[]): string {
  const sorted = endpoints.toSorted((a, b) => (a.endpoint < b.endpoint ? -1 : 1));
  return createHash("sha256").update(canonical(sorted)).digest("hex");
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
