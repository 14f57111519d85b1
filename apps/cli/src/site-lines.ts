import type { EndpointProposal } from "@outrider/contracts/agent-request";
import { SITE_INTERFACES } from "@outrider/contracts/site-file";
import { stringify } from "yaml";
import { plain } from "./plain.js";

/** An endpoint as a site file has it. */
export interface SiteEntry {
  readonly agent: string;
  readonly driver: string;
  readonly options?: Readonly<Record<string, unknown>>;
  readonly needs?: Readonly<
    Record<string, { readonly driver: string; readonly options?: object | undefined }>
  >;
}

/** A value as a site file has it, on one line. Nothing in it moves a cursor. */
export function flow(value: unknown): string {
  const text = plain(stringify(value, { collectionStyle: "flow", lineWidth: 0 }).trimEnd());
  // As people know the addresses of chips.
  return text.replaceAll(
    /\baddress: (\d{1,3})(?=[ ,}])/g,
    (_, address: string) => `address: 0x${Number(address).toString(16)}`,
  );
}

/** An endpoint in its place below a node, unindented: `power: { agent: … }`. */
export function entryLine(port: string, name: string, entry: SiteEntry): readonly string[] {
  const given = {
    agent: entry.agent,
    driver: entry.driver,
    ...(Object.keys(entry.options ?? {}).length > 0 ? { options: entry.options } : {}),
    ...(entry.needs ? { needs: entry.needs } : {}),
  };
  if (port === "boot") return ["boot:", `  override: ${flow(given)}`];
  if (port === "sensor" || port === "heartbeat") return [`${port}:`, `  ${name}: ${flow(given)}`];
  return [`${port}: ${flow(given)}`];
}

interface Placed {
  readonly proposal: EndpointProposal;
  readonly lines: readonly string[];
}

/**
 * What an agent proposed as lines of a site file, the reason above each. What seems to be of no node in particular
 * stands below nodes that are to be renamed; a line that is only a part of something is a comment. Pure.
 */
export function proposedSite(agent: string, proposals: readonly EndpointProposal[]): string[] {
  const nodes = new Map<string, Placed[]>();
  const parts: string[] = [];
  let strangers = 0;
  for (const proposal of proposals) {
    const { port, driver, options, needs, node } = proposal;
    const entry = { agent, driver, options, ...(needs ? { needs } : {}) };
    if (!(SITE_INTERFACES as readonly string[]).includes(port)) {
      parts.push(reasonLine(proposal), `# ${port}: ${flow({ driver, options })}`);
      continue;
    }
    const of = node ?? `new-${(strangers += 1)}`;
    const placed = nodes.get(of) ?? [];
    const alike = placed.filter((one) => one.proposal.port === port);
    const name = alike.length === 0 ? driver : `${driver}-${alike.length + 1}`;
    const lines = entryLine(port, name, entry);
    const named = port === "sensor" || port === "heartbeat";
    // A node has one of these; which of them it is, a person must say.
    const given = alike.length > 0 && !named ? lines.map((line) => `# or ${line}`) : lines;
    nodes.set(of, [...placed, { proposal, lines: given }]);
  }
  const told = [...nodes].flatMap(([node, placed]) => [
    node.startsWith("new-") ? `  ${node}: # yours to name` : `  ${node}:`,
    ...belowNode(placed).map((line) => `    ${line}`),
  ]);
  return [
    ...(told.length > 0 ? ["nodes:", ...told] : []),
    ...(parts.length > 0
      ? ["# Lines that can be a part of something, in `needs` of an endpoint:", ...parts]
      : []),
  ];
}

/** Named ones of a port stand below one key. */
function belowNode(placed: readonly Placed[]): string[] {
  const begun = new Set<string>();
  return placed
    .toSorted((a, b) => order(a) - order(b))
    .flatMap(({ proposal, lines }) => {
      const [first = "", ...rest] = lines;
      const named = rest.length > 0 && !first.startsWith("#");
      if (!named) return [reasonLine(proposal), ...lines];
      const head = begun.has(first) ? [] : [first];
      begun.add(first);
      return [...head, `  ${reasonLine(proposal)}`, ...rest];
    });
}

function order({ proposal }: Placed): number {
  return (SITE_INTERFACES as readonly string[]).indexOf(proposal.port);
}

function reasonLine({ confidence, why }: EndpointProposal): string {
  return `# ${confidence}: ${plain(why)}`;
}
