import { Ajv, type ValidateFunction } from "ajv";
import type { DescribedDriver } from "@outrider/contracts/agent";
import type { AgentId } from "@outrider/contracts/ids";
import { pathText, quoted, type SitePath, type SiteProblem } from "./site-problem.js";
import { schemaProblems } from "./site-shape.js";
import { partsOf, type Part } from "./endpoint-parts.js";
import { sharedThings } from "./shared-things.js";
import { endpointsOf, type DeclaredEndpoint, type DeclaredNode, type Site } from "./site.js";

/**
 * Checks the endpoints of one agent against the drivers that it has described. Pure.
 * Empty: all of them can be opened, as far as can be said without the hardware.
 */
export function driverProblems(
  site: Site,
  agent: AgentId,
  drivers: readonly DescribedDriver[],
): SiteProblem[] {
  return [
    ...endpointsOf(site, agent).flatMap(({ node, declared }) => [
      ...endpointProblems(site, declared, drivers),
      ...wakeProblems(site, node, declared, drivers),
    ]),
    ...sharedThings(site, agent, drivers),
  ];
}

/** Warns of drivers that nobody has tried against anything but the project's own parts: each once, where it first stands. */
export function unprovenDrivers(
  site: Site,
  agent: AgentId,
  drivers: readonly DescribedDriver[],
): SiteProblem[] {
  const told = new Set<DescribedDriver>();
  return endpointsOf(site, agent).flatMap(({ declared }) =>
    partsOf(declared, drivers).flatMap(({ described, driver, path }) => {
      if (!described || described.proof !== undefined || told.has(described)) return [];
      // It is meant to be nothing else.
      if (driver === "simulated") return [];
      told.add(described);
      const message = `driver ${described.port}/${driver} is unproven: it was tried against nothing that somebody else made; test the endpoint before you rely on it`;
      return [at(site, [...path, "driver"], message)];
    }),
  );
}

function endpointProblems(
  site: Site,
  declared: DeclaredEndpoint,
  drivers: readonly DescribedDriver[],
): SiteProblem[] {
  const parts = partsOf(declared, drivers);
  return [
    ...needProblems(site, declared, parts[0]?.described),
    ...parts.flatMap((part) => partProblems(site, declared, part, drivers)),
  ];
}

/** What is missing of what a driver needs, and what it does not know. */
function needProblems(
  site: Site,
  { needs, path, driver, kind }: DeclaredEndpoint,
  described: DescribedDriver | undefined,
): SiteProblem[] {
  if (!described) return [];
  const known = described.needs ?? {};
  const words = Object.entries(known).map(([name, { port }]) => `${name} (a ${port})`);
  const missing = Object.entries(known).filter(
    ([name, { optional }]) => !optional && needs[name] === undefined,
  );
  const unknown = Object.keys(needs).filter((name) => !Object.hasOwn(known, name));
  return [
    ...missing.map(([name, { port, summary }]) =>
      at(
        site,
        path,
        `needs.${name} is missing: driver ${kind}/${driver} needs a ${port} that ${summary}`,
      ),
    ),
    ...unknown.map((name) =>
      at(
        site,
        [...path, "needs", name],
        `driver ${kind}/${driver} does not know this need; expected ${words.join(", ") || "none: it needs nothing"}`,
      ),
    ),
  ];
}

function partProblems(
  site: Site,
  { agent, kind }: DeclaredEndpoint,
  { described, port, driver, options, path }: Part,
  drivers: readonly DescribedDriver[],
): SiteProblem[] {
  if (!described) {
    const known = drivers.filter((one) => one.port === port).map((one) => one.driver);
    const other = drivers.find((one) => one.driver === driver);
    const hint = other === undefined ? "" : ` (it is a driver for ${other.port})`;
    const expected =
      known.length > 0
        ? `one of ${known.toSorted().join(", ")}`
        : `none: it has no driver for ${port}`;
    const message = `unknown driver ${quoted(driver)} of agent ${agent}; expected ${expected}${port === kind ? "" : hint}`;
    return [at(site, [...path, "driver"], message)];
  }
  const needy = Object.values(described.needs ?? {}).some(({ optional }) => !optional);
  if (path.includes("needs") && needy) {
    const message = `driver ${port}/${driver} needs others itself, and cannot be a part`;
    return [at(site, [...path, "driver"], message)];
  }
  const validate = compiled(described);
  if (typeof validate === "string") return [at(site, [...path, "driver"], validate)];
  if (validate(options)) return [];
  return schemaProblems(validate.errors ?? [], [...path, "options"], site.lineOf);
}

/** A node that is woken by its button needs something that can press it, and one by magic packet what sends it. */
function wakeProblems(
  site: Site,
  { id, wake, endpoints }: DeclaredNode,
  { agent, driver, kind }: DeclaredEndpoint,
  drivers: readonly DescribedDriver[],
): SiteProblem[] {
  if (wake === "wol" && kind === "button") {
    const known = drivers.find((one) => one.port === kind && one.driver === driver);
    if (!known || known.actions.includes("Wake")) return [];
    const message = `driver ${driver} of agent ${agent} sends no magic packet; declare a button by the driver wake-on-lan`;
    return [at(site, ["nodes", id, "wake"], message)];
  }
  if (kind !== "power" || wake !== "button" || endpoints.some((one) => one.kind === "button"))
    return [];
  const described = drivers.find((one) => one.port === kind && one.driver === driver);
  if (!described || described.actions.includes("PushPowerButton")) return [];
  return [
    at(
      site,
      ["nodes", id, "wake"],
      `driver ${driver} of agent ${agent} cannot press the button; declare a button interface, or supply-cycle`,
    ),
  ];
}

function at(site: Site, path: SitePath, message: string): SiteProblem {
  return { line: site.lineOf(path), path: pathText(path), message };
}

const validators = new WeakMap<DescribedDriver, ValidateFunction | string>();

/** The check of a driver's options, or why there is none. The schema comes from outside. */
function compiled(described: DescribedDriver): ValidateFunction | string {
  let made = validators.get(described);
  if (made === undefined) {
    try {
      const ajv = new Ajv({
        allErrors: true,
        strict: false,
        verbose: true,
        unicodeRegExp: false,
        logger: false,
      });
      made = ajv.compile(described.options);
    } catch (error) {
      const reason = error instanceof Error ? error.message : "no reason given";
      made = `the agent describes the options of ${described.driver} by a schema that cannot be read: ${reason}`;
    }
    validators.set(described, made);
  }
  return made;
}
