import type { Edge } from "@outrider/simulators/spawn";
import { Fleet } from "../fleet/fleet.js";
import { begin, ended } from "../fleet/transitions.js";
import { markOf, switched } from "./edges.js";
import { cpuMs, hostMs } from "./machine.js";
import { figure, table } from "./markdown.js";

export interface TransitionPlan {
  /** A multiple of the domains. */
  readonly nodes: number;
  readonly domains: number;
  readonly startSpacingMs: number;
}

const AGENTS = ["a", "b"] as const;

/** How long a transition takes beyond what the spacing of its domains demands. */
export async function measureTransition(plan: TransitionPlan): Promise<string> {
  const { nodes, domains, startSpacingMs } = plan;
  const each = nodes / domains;
  const slots = nodes / AGENTS.length;
  const domainsOfAgent = domains / AGENTS.length;
  await using fleet = await Fleet.start({
    racks: Object.fromEntries(AGENTS.map((agent) => [agent, { prefix: agent, slots }])),
    site: { powerDomains: powerDomains(each, domainsOfAgent, startSpacingMs) },
  });
  const parts = [...fleet.parts];
  const before = parts.map(([, { pid }]) => cpuMs(pid));
  const marks = await Promise.all(AGENTS.map((agent) => markOf(fleet.rack(agent))));
  const startMs = hostMs();
  const { id } = await begin(fleet.rest, { action: "On", nodes: "@all" });
  const acceptedMs = hostMs() - startMs;
  const edges = await Promise.all(
    AGENTS.map((agent, at) => switched(fleet.rack(agent), marks[at] ?? 0, slots)),
  );
  const cpu = parts.map(([, { pid }], at) => cpuMs(pid) - (before[at] ?? 0));
  const end = await ended(fleet.rest, id);
  const endedMs = hostMs() - startMs;
  if (end.counts.succeeded !== nodes) throw new Error(`not all went on: ${JSON.stringify(end)}`);
  const found = edges.flatMap((one) => spans(one, each));
  const firstMs = Math.min(...found.map(({ first }) => first)) - startMs;
  const lastMs = Math.max(...found.map(({ last }) => last)) - startMs;
  const demandedMs = (each - 1) * startSpacingMs;
  const slowestMs = Math.max(...found.map(({ first, last }) => last - first));
  const closestMs = Math.min(...found.map(({ closest }) => closest));
  const rows = [
    ["POST answered", figure(acceptedMs), ""],
    ["first edge", figure(firstMs), ""],
    ["last edge", figure(lastMs), `**${figure(lastMs / demandedMs)}**`],
    ["all verified, as a client sees it", figure(endedMs), figure(endedMs / demandedMs)],
    [
      "first edge to last edge of the slowest domain",
      figure(slowestMs),
      figure(slowestMs / demandedMs),
    ],
  ];
  const shares = parts.map(([name], at) => `${name} ${figure((cpu[at] ?? 0) / nodes)} ms`);
  return [
    `One transition \`On\` over ${nodes} nodes of ${AGENTS.length} agents in ${domains} power domains, ${startSpacingMs} ms between two starts of a domain, so that ${figure(demandedMs)} ms are demanded (the aim is 1.05):`,
    table(["since the POST", "ms", "ratio to demanded"], rows),
    `Each start costs ${figure((slowestMs - demandedMs) / (each - 1))} ms beyond its spacing in the slowest domain, whatever the spacing is; no two of a domain were closer than ${figure(closestMs)} ms. Processor time for a node, watching included: ${shares.join(", ")}.`,
  ].join("\n\n");
}

function powerDomains(each: number, ofAgent: number, startSpacingMs: number): object {
  const domains = AGENTS.flatMap((agent) =>
    Array.from({ length: ofAgent }, (_, at) => {
      const nodes = `${agent}[${at * each + 1}-${(at + 1) * each}]`;
      const limits = { startSpacing: `${startSpacingMs}ms`, startDuration: "0s" };
      return [`psu-${agent}${at + 1}`, { nodes, ...limits }] as const;
    }),
  );
  return Object.fromEntries(domains);
}

/** When the domains of a rack had their first and last start, and how close two starts came. */
function spans(
  edges: readonly Edge[],
  each: number,
): { first: number; last: number; closest: number }[] {
  const domains = Map.groupBy(edges, ({ slot }) => Math.floor((slot - 1) / each));
  return [...domains.values()].map((found) => {
    const times = found.map(({ monotonicMs }) => monotonicMs);
    const gaps = times.slice(1).map((ms, at) => ms - (times[at] ?? 0));
    return { first: times[0] ?? 0, last: times.at(-1) ?? 0, closest: Math.min(...gaps) };
  });
}
