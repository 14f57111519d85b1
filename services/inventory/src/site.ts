import type { RestorePolicy } from "@outrider/contracts/agent";
import type { Duration } from "@outrider/contracts/clock";
import type { AgentId, EndpointId, NodeId } from "@outrider/contracts/ids";
import type { Wake } from "@outrider/contracts/node";
import type { SiteInterfaceKind } from "@outrider/contracts/site-file";
import type { SitePath } from "./site-problem.js";

/** What a site file declares, with every default filled in. Its shape has been checked, its options have not. */
export interface Site {
  /** As it is shown in messages. */
  readonly file: string;
  readonly name: string;
  readonly agents: readonly AgentId[];
  readonly nodes: readonly DeclaredNode[];
  lineOf(path: SitePath): number;
}

export interface DeclaredNode {
  readonly id: NodeId;
  readonly name: string;
  readonly roles: readonly string[];
  readonly labels: Readonly<Record<string, string>>;
  readonly wake: Wake | undefined;
  readonly restore: RestorePolicy;
  readonly gracefulLimit: Duration;
  readonly dwell: Duration;
  readonly sampling: Duration;
  readonly endpoints: readonly DeclaredEndpoint[];
}

export interface DeclaredEndpoint {
  readonly endpoint: EndpointId;
  readonly kind: SiteInterfaceKind;
  readonly agent: AgentId;
  readonly driver: string;
  readonly options: Readonly<Record<string, unknown>>;
  /** Where it stands in the file. */
  readonly path: SitePath;
}

/** The nodes and endpoints that an agent shall have, in the order of the file. */
export function endpointsOf(
  site: Site,
  agent: AgentId,
): { node: DeclaredNode; declared: DeclaredEndpoint }[] {
  return site.nodes.flatMap((node) =>
    node.endpoints.filter((one) => one.agent === agent).map((declared) => ({ node, declared })),
  );
}
