import { isAgentId } from "@outrider/contracts/ids";
import { RESERVED_SENSOR_NAMES } from "@outrider/contracts/telemetry";
import { entryOf, interfacesIn, isMap } from "./site-interfaces.js";
import { pathText, quoted, type Report, type SitePath } from "./site-problem.js";
import { endpointsOf, type Site } from "./site.js";
import type { SiteYaml } from "./site-yaml.js";
import { wireOf, withoutLineSettings } from "./wire.js";

/** An agent takes no more endpoints, nor a longer list of them. */
const MAXIMUM_ENDPOINTS = 1000;
const MAXIMUM_BYTES = 1_000_000;
/** Options nested deeper would be refused on the wire. */
const MAXIMUM_DEPTH = 8;
/** Names that a reader of JSON must refuse. */
const FORBIDDEN = ["__proto__", "constructor", "prototype"];

/**
 * What must fit together in a site file.
 * @param site what of the file has the right shape
 * @param given the file as it stands, of whatever shape: what is there and wrong is not missing too
 */
export function ruleProblems(site: Site, { value: given, lineOf }: SiteYaml, report: Report): void {
  agentsAreDeclared(given, report);
  agentsAreNotOverloaded(site, report);
  wiresAreNotShared(site, lineOf, report);
  policiesCanBeDone(site, given, report);
  identitiesAreUnique(given, report);
  sensorsHaveNamesOfTheirOwn(given, report);
  for (const { options, needs, path } of site.nodes.flatMap(({ endpoints }) => endpoints)) {
    optionsArePortable(options, [...path, "options"], report);
    for (const [name, need] of Object.entries(needs)) {
      optionsArePortable(need.options, [...path, "needs", name, "options"], report);
    }
  }
}

function nodesOf(given: unknown): [id: string, node: unknown][] {
  const nodes = entryOf(given, "nodes");
  return isMap(nodes) ? Object.entries(nodes) : [];
}

function agentsAreDeclared(given: unknown, report: Report): void {
  const agents = entryOf(given, "agents");
  // Otherwise that is what is wrong, and said already.
  if (!isMap(agents)) return;
  const declared = Object.keys(agents).filter((id) => isAgentId(id));
  const known =
    declared.length > 0 ? `one of ${declared.join(", ")}` : "an agent that stands under agents";
  for (const [id, node] of nodesOf(given)) {
    for (const { path, given: one } of interfacesIn(node)) {
      const agent = entryOf(one, "agent");
      if (typeof agent !== "string" || !isAgentId(agent) || declared.includes(agent)) continue;
      report(
        ["nodes", id, ...path, "agent"],
        `agent ${quoted(agent)} is not declared; expected ${known}`,
      );
    }
  }
}

function agentsAreNotOverloaded(site: Site, report: Report): void {
  for (const agent of site.agents) {
    const endpoints = endpointsOf(site, agent);
    if (endpoints.length > MAXIMUM_ENDPOINTS) {
      report(
        ["agents", agent],
        `has ${endpoints.length} endpoints; expected at most ${MAXIMUM_ENDPOINTS}`,
      );
    } else if (
      Buffer.byteLength(JSON.stringify(endpoints.map((one) => one.declared))) > MAXIMUM_BYTES
    ) {
      report(
        ["agents", agent],
        `the options of its endpoints have more than ${MAXIMUM_BYTES} bytes`,
      );
    }
  }
}

/** Beside the sensors of a node stands what is told of them all. */
function sensorsHaveNamesOfTheirOwn(given: unknown, report: Report): void {
  for (const [id, node] of nodesOf(given)) {
    for (const { kind, name, path } of interfacesIn(node)) {
      if (kind !== "sensor" || !RESERVED_SENSOR_NAMES.some((one) => one === name)) continue;
      report(
        ["nodes", id, ...path],
        `no sensor may be called ${quoted(name ?? "")}, which says something else in node/${id}/telemetry; expected another name`,
      );
    }
  }
}

/** Who only looks disturbs nobody else who looks. */
const ONLY_LOOKS: readonly string[] = ["sensor", "heartbeat"];

/** Two nodes whose wires are told apart by nothing are on one wire: an action on one would hit the other. */
function wiresAreNotShared(site: Site, lineOf: SiteYaml["lineOf"], report: Report): void {
  const taken = new Map<string, { node: string; path: SitePath }>();
  for (const node of site.nodes) {
    for (const { agent, driver, options, needs, path, kind } of node.endpoints) {
      if (ONLY_LOOKS.includes(kind)) continue;
      const isConsole = kind === "console";
      const own = isConsole ? withoutLineSettings(options) : options;
      const wire = wireOf(agent, driver, Object.keys(needs).length > 0 ? { own, needs } : own);
      const first = taken.get(wire);
      if (first && first.node !== node.id) {
        report(
          path,
          `the same agent, driver and options as ${pathText(first.path)} in line ${lineOf(first.path)}; ` +
            "expected a line or port of its own",
        );
      }
      taken.set(wire, first ?? { node: node.id, path });
    }
  }
}

function policiesCanBeDone(site: Site, given: unknown, report: Report): void {
  const nodes = entryOf(given, "nodes");
  for (const { id, wake, restore } of site.nodes) {
    const node = entryOf(nodes, id);
    const has = (kind: string): boolean => isMap(node) && Object.hasOwn(node, kind);
    const hasPower = has("power");
    if (wake === "wol" && !has("button")) {
      report(
        ["nodes", id, "wake"],
        "nothing can send a magic packet; declare a button by the driver wake-on-lan",
      );
    }
    if (wake === "supply-cycle" && !hasPower) {
      report(
        ["nodes", id, "wake"],
        "supply-cycle needs a power interface; declare one, or leave wake out",
      );
    }
    if (wake === "button" && !hasPower && !has("button")) {
      report(
        ["nodes", id, "wake"],
        "nothing can press the button; declare a button or power interface that can",
      );
    }
    if (restore !== "None" && !hasPower) {
      report(
        ["nodes", id, "restore"],
        `${restore} needs a power interface; declare one, or leave restore out`,
      );
    }
  }
}

function identitiesAreUnique(given: unknown, report: Report): void {
  const macs = new Map<string, string>();
  const serials = new Map<string, string>();
  const unique = (
    seen: Map<string, string>,
    value: string,
    path: SitePath,
    node: string,
    what: string,
  ): void => {
    const first = seen.get(value.toLowerCase());
    if (first !== undefined)
      report(path, `${what} ${quoted(value)} belongs to node ${first} already`);
    seen.set(value.toLowerCase(), first ?? node);
  };
  for (const [id, node] of nodesOf(given)) {
    const serial = entryOf(node, "serial");
    if (typeof serial === "string")
      unique(serials, serial, ["nodes", id, "serial"], id, "serial number");
    const own = entryOf(node, "macs");
    for (const [index, mac] of (Array.isArray(own) ? own : []).entries()) {
      if (typeof mac === "string") unique(macs, mac, ["nodes", id, "macs", index], id, "address");
    }
  }
}

/** YAML knows more than JSON, in which options travel. */
function optionsArePortable(value: unknown, path: SitePath, report: Report, depth = 1): void {
  if (typeof value === "number" && !Number.isFinite(value)) report(path, "is not a finite number");
  if (typeof value !== "object" || value === null) return;
  if (depth > MAXIMUM_DEPTH) return report(path, `is nested deeper than ${MAXIMUM_DEPTH} levels`);
  for (const [key, entry] of Object.entries(value)) {
    const at = [...path, Array.isArray(value) ? Number(key) : key];
    if (FORBIDDEN.includes(key)) report(at, "this name is not allowed");
    else optionsArePortable(entry, at, report, depth + 1);
  }
}
