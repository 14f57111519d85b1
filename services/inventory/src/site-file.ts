import { alarmWarnings } from "./alarm-warnings.js";
import type { Duration } from "@outrider/contracts/clock";
import { endpointId, isNodeId, nodeId, type AgentId, type NodeId } from "@outrider/contracts/ids";
import type { SiteFile, SiteInterface, SiteNode } from "@outrider/contracts/site-file";
import {
  pathText,
  SiteFileError,
  type Report,
  type SitePath,
  type SiteProblem,
} from "./site-problem.js";
import { consoleProblems } from "./console-rules.js";
import { fleetProblems } from "./fleet-rules.js";
import type { KnownNode } from "./node-sets.js";
import { DEFAULT_PORTS } from "./own-ports.js";
import { readAlarms } from "./site-alarms.js";
import { readConsoleRules } from "./site-console-rules.js";
import { readDuration } from "./site-durations.js";
import { readSampling } from "./site-sampling.js";
import { interfacesIn } from "./site-interfaces.js";
import { readDomains, readDraw, readRoles } from "./site-fleet.js";
import { readNotifications } from "./site-notifications.js";
import { ruleProblems } from "./site-rules.js";
import { shapeOf } from "./site-shape.js";
import { readRoleTerminals, readTerminal } from "./site-terminals.js";
import { parseSiteYaml, type SiteYaml } from "./site-yaml.js";
import { alarmProblems } from "./telemetry-policies.js";
import type { DeclaredEndpoint, DeclaredNode, Site } from "./site.js";

/**
 * Reads a site file. Pure.
 * @param file how the file is called in messages
 * @param ports that Outrider itself listens on, which no console may be served on
 * @throws SiteFileError with every problem that can be seen without the agents' descriptions
 */
export function readSite(text: string, file: string, ports = DEFAULT_PORTS): Site {
  const yaml = parseSiteYaml(text);
  if (Array.isArray(yaml)) throw new SiteFileError(file, yaml);
  const shape = shapeOf(yaml);
  const problems: SiteProblem[] = [...shape.problems];
  const declared = shape.right;
  if (!declared) throw new SiteFileError(file, inOrder(problems));
  const into =
    (list: SiteProblem[]): Report =>
    (path, message) =>
      void list.push({ line: yaml.lineOf(path), path: pathText(path), message });
  const report = into(problems);
  const warnings: SiteProblem[] = [];
  const site = siteOf(declared, { file, text, value: yaml.value, warnings, report });
  ruleProblems(site, yaml, report);
  fleetProblems(site, report, into(warnings));
  consoleProblems(site, yaml, ports, report, into(warnings));
  alarmProblems(site, report);
  alarmWarnings(declared, site, into(warnings));
  if (problems.length > 0) throw new SiteFileError(file, inOrder(problems));
  return site;
}

/**
 * A site whose file was read before, in another thread, and found right.
 * @param value what the file says
 */
export function readAgain(
  { text, value, warnings }: Pick<Site, "value" | "warnings"> & { readonly text: string },
  file: string,
): Site {
  const report = (path: SitePath, message: string): void => {
    throw new TypeError(`${pathText(path)}: ${message}, which was not so when it was read`);
  };
  return siteOf(value as SiteFile, { file, text, value, warnings, report });
}

interface Source extends Pick<Site, "file" | "value" | "warnings"> {
  readonly text: string;
  readonly report: Report;
}

function siteOf(declared: SiteFile, { file, text, value, warnings, report }: Source): Site {
  const terminals = readRoleTerminals(declared.roles, report);
  const nodes = Object.entries(declared.nodes).map(([id, node]) => ({
    ...readNode(id, node, report),
    terminal: readTerminal(id, node.terminal, node.roles ?? [], terminals, report),
  }));
  const named = new Map<NodeId, KnownNode>(nodes.map((node) => [node.id, node]));
  for (const id of misshapen(value, declared)) named.set(id, { id, roles: [], labels: {} });
  return {
    file,
    name: declared.site,
    agents: Object.keys(declared.agents) as AgentId[],
    nodes,
    powerDomains: readDomains(declared.powerDomains, nodes, named, report),
    roles: readRoles(declared.roles, report),
    consoleRules: readConsoleRules(declared.consoleRules, named, report),
    alarms: readAlarms(declared, nodes, report),
    notifications: readNotifications(declared.notifications, named, report),
    warnings,
    value,
    lineOf: linesOf(text),
  };
}

/** Nodes that the file has and whose shape is wrong. Whoever names them is not wrong too. */
function misshapen(given: unknown, { nodes }: SiteFile): NodeId[] {
  const all = (given as { readonly nodes?: unknown }).nodes;
  if (typeof all !== "object" || all === null) return [];
  return Object.keys(all).filter((id) => isNodeId(id) && !Object.hasOwn(nodes, id)) as NodeId[];
}

/** Lines of a text that was read before. Its parse is many times its size, so it is made again when it is asked for. */
function linesOf(text: string): Site["lineOf"] {
  let parsed: WeakRef<SiteYaml> | undefined;
  return (path) => {
    let yaml = parsed?.deref();
    if (!yaml) {
      const again = parseSiteYaml(text);
      if (Array.isArray(again)) return 1;
      yaml = again;
      parsed = new WeakRef(again);
    }
    return yaml.lineOf(path);
  };
}

function readNode(id: string, node: SiteNode, report: Report): Omit<DeclaredNode, "terminal"> {
  const duration = (key: "gracefulLimit" | "dwell"): Duration =>
    readDuration(key, node[key], ["nodes", id], report);
  const usual = readDuration("sampling", node.sampling, ["nodes", id], report);
  const own = node.sampling === undefined ? undefined : usual;
  return {
    id: nodeId(id),
    name: node.name ?? id,
    roles: node.roles ?? [],
    labels: node.labels ?? {},
    serial: node.serial,
    macs: (node.macs ?? []).map((mac) => mac.toLowerCase()),
    draw: readDraw(id, node.draw, report),
    wake: node.wake,
    restore: node.restore ?? "None",
    gracefulLimit: duration("gracefulLimit"),
    dwell: duration("dwell"),
    firmware: node.boot?.firmware,
    endpoints: interfacesIn(node).map(({ kind, name, path: within, given }): DeclaredEndpoint => {
      const declared = given as SiteInterface;
      const path = ["nodes", id, ...within];
      return {
        endpoint: endpointId(id, kind, name),
        kind,
        agent: declared.agent,
        driver: declared.driver,
        options: declared.options ?? {},
        needs: mapValues(declared.needs ?? {}, ({ driver, options = {} }) => ({ driver, options })),
        ...readSampling(kind, declared, own, usual, path, report),
        path,
      };
    }),
  };
}

function mapValues<V, W>(
  map: Readonly<Record<string, V>>,
  make: (value: V) => W,
): Record<string, W> {
  return Object.fromEntries(Object.entries(map).map(([key, value]) => [key, make(value)]));
}

function inOrder(problems: readonly SiteProblem[]): SiteProblem[] {
  return problems.toSorted((a, b) => a.line - b.line);
}
