import type { DescribedDriver } from "@outrider/contracts/agent";
import type { AgentId, PortKind } from "@outrider/contracts/ids";
import { canonical } from "./canonical.js";
import { partsOf, type Part } from "./endpoint-parts.js";
import { pathText, type SitePath, type SiteProblem } from "./site-problem.js";
import { endpointsOf, type DeclaredEndpoint, type PlacedEndpoint, type Site } from "./site.js";
import { normal } from "./wire.js";

/** A line is one thing, whether it is an output or an input. */
const DIGITAL: readonly PortKind[] = ["digital-output", "digital-input"];

/** What `kind` of a resource says to people. */
const WORDS: Readonly<Record<string, string>> = {
  serial: "serial port",
  i2c: "I²C chip",
  tcp: "TCP port",
};

/**
 * Endpoints of an agent that would take a line, outlet or port that one above them has: what is done to one would happen
 * to the other. So are those at a port or chip that one above them has by another driver, as only one of them can open
 * it. What is reached over a network is one thing for all agents.
 */
export function sharedThings(
  site: Site,
  agent: AgentId,
  drivers: readonly DescribedDriver[],
): SiteProblem[] {
  const taken = new Map<string, SitePath>();
  const held = new Map<string, Part>();
  return candidates(site, agent, drivers).flatMap((declared) =>
    partsOf(declared, drivers).flatMap((part) => {
      const resource = resourceOf(declared.agent, part);
      const holder = resource === undefined ? undefined : held.get(resource);
      if (resource !== undefined && !holder) held.set(resource, part);
      if (holder && holder.driver !== part.driver) {
        return declared.agent === agent ? [heldProblem(site, part, holder)] : [];
      }
      const thing = thingOf(declared.agent, part);
      if (thing === undefined) return [];
      const first = taken.get(thing);
      if (!first) taken.set(thing, part.path);
      if (!first || declared.agent !== agent) return [];
      const { options, described, driver, path } = part;
      const { exclusive = [], exclusiveDefaults = {} } = described ?? {};
      const named = exclusive.filter(
        (name) => (options[name] ?? exclusiveDefaults[name]) !== undefined,
      );
      const message =
        `takes the same ${named.join(", ")} by ${driver} as ${pathText(first)} in line ${site.lineOf(first)}; ` +
        "expected a line, outlet or port of its own";
      return [{ line: site.lineOf(path), path: pathText(path), message }];
    }),
  );
}

/** What is reached by one driver is out of reach for another, whichever is opened first. */
function heldProblem(site: Site, { described, path }: Part, holder: Part): SiteProblem {
  const { kind = "", options = [] } = described?.resource ?? {};
  const message =
    `is at the same ${WORDS[kind] ?? kind} (${options.join(", ")}) as ${pathText(holder.path)} in line ${site.lineOf(holder.path)}, ` +
    `which has it by ${holder.port}/${holder.driver}; expected one driver for it`;
  return { line: site.lineOf(path), path: pathText(path), message };
}

/** The agent's endpoints and those of others over a network, in the order of the file. Drivers of a name are the same everywhere. */
function candidates(
  site: Site,
  agent: AgentId,
  drivers: readonly DescribedDriver[],
): readonly DeclaredEndpoint[] {
  const own = (one: PlacedEndpoint): DeclaredEndpoint => one.declared;
  const reached = new Set(
    drivers.flatMap(({ driver, network }) => (network === undefined ? [] : [driver])),
  );
  const mine = endpointsOf(site, agent).map(own);
  const drives = ({ driver, needs }: DeclaredEndpoint): boolean =>
    reached.has(driver) || Object.values(needs).some((need) => reached.has(need.driver));
  if (!mine.some(drives)) return mine;
  return site.nodes.flatMap(({ endpoints }) =>
    endpoints.filter((one) => one.agent === agent || drives(one)),
  );
}

/** What a driver takes for itself, the same text for the same thing. Undefined: nothing. */
function thingOf(agent: AgentId, { described, port, driver, options }: Part): string | undefined {
  const { exclusive = [], exclusiveDefaults = {} } = described ?? {};
  if (exclusive.length === 0) return undefined;
  const [scope, values] = placeOf(agent, { described, options }, exclusive, exclusiveDefaults);
  return canonical([scope, DIGITAL.includes(port) ? "digital" : port, driver, values]);
}

/** What a driver is at, the same text by whatever driver. Undefined: nothing of the kind, or it is named otherwise. */
function resourceOf(agent: AgentId, part: Part): string | undefined {
  const { kind, options, defaults = {} } = part.described?.resource ?? {};
  if (kind === undefined || options === undefined) return undefined;
  if (options.some((name) => (part.options[name] ?? defaults[name]) === undefined))
    return undefined;
  return canonical([kind, ...placeOf(agent, part, options, defaults)]);
}

/** The agent whose own something is, nothing where it is one for all, and by what it is named. */
function placeOf(
  agent: AgentId,
  { described, options }: Pick<Part, "described" | "options">,
  names: readonly string[],
  defaults: Readonly<Record<string, unknown>>,
): readonly [AgentId | null, readonly unknown[]] {
  const network = described?.network;
  const address = network === undefined ? undefined : options[network];
  const device = typeof address === "string" ? deviceOf(address) : undefined;
  const values = names.map((name) => {
    if (name === network && device !== undefined) return device;
    const value = normal(options[name] ?? defaults[name]) ?? null;
    // `i2c-1` and `/dev/i2c-1` are one bus.
    return typeof value === "string" ? value.replace(/^\/dev\//, "") : value;
  });
  return [device === undefined || isLoopback(device) ? agent : null, values];
}

const WITH_SCHEME = /^([a-z][a-z0-9+.-]*):\/\//i;
const PORTS: Readonly<Record<string, string>> = { "mqtt:": "1883", "mqtts:": "8883" };

/** The device behind a host or URL. It is the same one by `http` and by `https`, each on its own port. */
function deviceOf(address: string): string {
  if (!WITH_SCHEME.test(address)) return hostOf(address);
  if (!URL.canParse(address)) return address.toLowerCase();
  const { hostname, port, protocol, pathname } = new URL(address);
  const own = port === "" || port === PORTS[protocol] ? "" : `:${port}`;
  return `${hostOf(hostname)}${own}${pathname.replace(/\/+$/, "")}`;
}

/** Names differ by no case and no last dot, and an IPv6 address can be written in several ways. */
function hostOf(host: string): string {
  const plain = host
    .replace(/^\[(.*)\]$/, "$1")
    .replace(/\.$/, "")
    .toLowerCase();
  const url = `http://[${plain}]/`;
  if (!plain.includes(":") || !URL.canParse(url)) return plain;
  return new URL(url).hostname.slice(1, -1);
}

/** Each agent has a device of its own there: `qemu:///system` names no host at all. */
function isLoopback(device: string): boolean {
  return /^(localhost|127(\.\d+){3}|::1)?(:\d+)?(\/|$)/.test(device);
}
