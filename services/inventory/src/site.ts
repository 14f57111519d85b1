import type { RestorePolicy } from "@outrider/contracts/agent";
import type { Duration } from "@outrider/contracts/clock";
import type { PowerDomain, RolePolicy } from "@outrider/contracts/fleet";
import type { AgentId, EndpointId, NodeId } from "@outrider/contracts/ids";
import type { Wake } from "@outrider/contracts/node";
import type { SiteInterfaceKind } from "@outrider/contracts/site-file";
import type { DeclaredRule } from "./site-console-rules.js";
import type { NotificationPolicy } from "@outrider/contracts/telemetry-policy";
import type { DeclaredAlarms } from "./site-alarms.js";
import type { SitePath, SiteProblem } from "./site-problem.js";
import type { DeclaredSampling } from "./site-sampling.js";
import type { DeclaredTerminal } from "./site-terminals.js";

/** What a site file declares, with every default filled in. Its shape has been checked, its options have not. */
export interface Site {
  /** As it is shown in messages. */
  readonly file: string;
  readonly name: string;
  readonly agents: readonly AgentId[];
  readonly nodes: readonly DeclaredNode[];
  readonly powerDomains: ReadonlyMap<string, DeclaredDomain>;
  readonly roles: ReadonlyMap<string, DeclaredRole>;
  /** The rules that watch consoles, those that stand without being declared among them. */
  readonly consoleRules: ReadonlyMap<string, DeclaredRule>;
  readonly alarms: DeclaredAlarms;
  readonly notifications: NotificationPolicy;
  /** What is no error and yet probably not meant. */
  readonly warnings: readonly SiteProblem[];
  /** As the file says it, without defaults. */
  readonly value: unknown;
  lineOf(path: SitePath): number;
}

export interface DeclaredNode {
  readonly id: NodeId;
  readonly name: string;
  readonly roles: readonly string[];
  readonly labels: Readonly<Record<string, string>>;
  readonly serial: string | undefined;
  /** In lower case. */
  readonly macs: readonly string[];
  readonly draw: DeclaredDraw | undefined;
  readonly wake: Wake | undefined;
  readonly restore: RestorePolicy;
  readonly gracefulLimit: Duration;
  readonly dwell: Duration;
  readonly endpoints: readonly DeclaredEndpoint[];
  readonly firmware: string | undefined;
  readonly terminal: DeclaredTerminal;
}

/** What a node draws, in watts. */
export interface DeclaredDraw {
  readonly runningWatts: number;
  readonly startingWatts: number;
}

/** A power domain with its nodes resolved, in their natural order. */
export type DeclaredDomain = Readonly<PowerDomain>;

/** Disks that a node must have. */
export interface DeclaredDisks {
  readonly count: number;
  readonly minimumBytes: number;
}

export interface DeclaredRole {
  readonly disks: ReadonlyMap<string, DeclaredDisks>;
  readonly bootProfile: string | undefined;
  readonly policy: Readonly<RolePolicy>;
}

export interface DeclaredEndpoint extends DeclaredSampling {
  readonly endpoint: EndpointId;
  readonly kind: SiteInterfaceKind;
  readonly agent: AgentId;
  readonly driver: string;
  readonly options: Readonly<Record<string, unknown>>;
  /** What its driver is made of. */
  readonly needs: Readonly<Record<string, DeclaredNeed>>;
  /** Where it stands in the file. */
  readonly path: SitePath;
}

export interface DeclaredNeed {
  readonly driver: string;
  readonly options: Readonly<Record<string, unknown>>;
}

export interface PlacedEndpoint {
  readonly node: DeclaredNode;
  readonly declared: DeclaredEndpoint;
}

const byAgent = new WeakMap<readonly DeclaredNode[], ReadonlyMap<AgentId, PlacedEndpoint[]>>();

/** The nodes and endpoints that an agent shall have, in the order of the file. */
export function endpointsOf({ nodes }: Pick<Site, "nodes">, agent: AgentId): PlacedEndpoint[] {
  let placed = byAgent.get(nodes);
  if (!placed) {
    const all = nodes.flatMap((node) => node.endpoints.map((declared) => ({ node, declared })));
    placed = Map.groupBy(all, ({ declared }) => declared.agent);
    byAgent.set(nodes, placed);
  }
  return placed.get(agent) ?? [];
}

const domains = new WeakMap<Site["powerDomains"], ReadonlyMap<NodeId, string>>();

/** The power domain of a node, if it is in one. */
export function domainOf(
  { powerDomains }: Pick<Site, "powerDomains">,
  node: NodeId,
): string | undefined {
  let known = domains.get(powerDomains);
  if (!known) {
    known = new Map(
      [...powerDomains].flatMap(([id, domain]) => domain.nodes.map((one) => [one, id] as const)),
    );
    domains.set(powerDomains, known);
  }
  return known.get(node);
}
