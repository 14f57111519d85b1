import {
  milliseconds,
  minutes,
  parseDuration,
  seconds,
  type Duration,
} from "@outrider/contracts/clock";
import { endpointId, nodeId, type AgentId } from "@outrider/contracts/ids";
import { SITE_INTERFACES, type SiteNode } from "@outrider/contracts/site-file";
import {
  pathText,
  quoted,
  SiteFileError,
  type SitePath,
  type SiteProblem,
} from "./site-problem.js";
import { ruleProblems } from "./site-rules.js";
import { shapeOf } from "./site-shape.js";
import { parseSiteYaml } from "./site-yaml.js";
import type { DeclaredEndpoint, DeclaredNode, Site } from "./site.js";

interface DurationRule {
  readonly fallback: Duration;
  readonly least: Duration;
  readonly most: Duration;
  readonly words: string;
}

/** The bounds are those of the contracts that carry the values. */
const DURATIONS = {
  gracefulLimit: {
    fallback: seconds(120),
    least: seconds(1),
    most: minutes(60),
    words: "1s to 1h",
  },
  dwell: {
    fallback: seconds(5),
    least: milliseconds(100),
    most: minutes(10),
    words: "100ms to 10m",
  },
  sampling: {
    fallback: seconds(2),
    least: milliseconds(100),
    most: minutes(10),
    words: "100ms to 10m",
  },
} as const satisfies Record<string, DurationRule>;

/**
 * Reads a site file. Pure.
 * @param file how the file is called in messages
 * @throws SiteFileError with every problem that can be seen without the agents' descriptions
 */
export function readSite(text: string, file: string): Site {
  const yaml = parseSiteYaml(text);
  if (Array.isArray(yaml)) throw new SiteFileError(file, yaml);
  const shape = shapeOf(yaml);
  const problems: SiteProblem[] = [...shape.problems];
  const declared = shape.right;
  if (!declared) throw new SiteFileError(file, inOrder(problems));
  const report = (path: SitePath, message: string): void => {
    problems.push({ line: yaml.lineOf(path), path: pathText(path), message });
  };
  const nodes = Object.entries(declared.nodes).map(([id, node]) => readNode(id, node, report));
  const site: Site = {
    file,
    name: declared.site,
    agents: Object.keys(declared.agents) as AgentId[],
    nodes,
    lineOf: yaml.lineOf,
  };
  ruleProblems(site, yaml.value, report);
  if (problems.length > 0) throw new SiteFileError(file, inOrder(problems));
  return site;
}

function readNode(
  id: string,
  node: SiteNode,
  report: (path: SitePath, message: string) => void,
): DeclaredNode {
  const duration = (key: keyof typeof DURATIONS): Duration => {
    const rule: DurationRule = DURATIONS[key];
    const text = node[key];
    const span = text === undefined ? rule.fallback : parseDuration(text);
    if (span !== undefined && Number.isInteger(span) && span >= rule.least && span <= rule.most)
      return span;
    report(["nodes", id, key], `${quoted(text)} is out of bounds; expected ${rule.words}`);
    return rule.fallback;
  };
  return {
    id: nodeId(id),
    name: node.name ?? id,
    roles: node.roles ?? [],
    labels: node.labels ?? {},
    wake: node.wake,
    restore: node.restore ?? "None",
    gracefulLimit: duration("gracefulLimit"),
    dwell: duration("dwell"),
    sampling: duration("sampling"),
    endpoints: SITE_INTERFACES.flatMap((kind): DeclaredEndpoint[] => {
      const declared = node[kind];
      if (!declared) return [];
      const { agent, driver, options = {} } = declared;
      return [
        { endpoint: endpointId(id, kind), kind, agent, driver, options, path: ["nodes", id, kind] },
      ];
    }),
  };
}

function inOrder(problems: readonly SiteProblem[]): SiteProblem[] {
  return problems.toSorted((a, b) => a.line - b.line);
}
