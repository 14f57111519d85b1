import { Ajv, type ValidateFunction } from "ajv";
import type { DescribedDriver } from "@outrider/contracts/agent";
import type { AgentId } from "@outrider/contracts/ids";
import { pathText, quoted, type SitePath, type SiteProblem } from "./site-problem.js";
import { schemaProblems } from "./site-shape.js";
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
  return endpointsOf(site, agent).flatMap(({ node, declared }) => [
    ...endpointProblems(site, declared, drivers),
    ...(declared.kind === "power" ? wakeProblems(site, node, declared, drivers) : []),
  ]);
}

function endpointProblems(
  site: Site,
  declared: DeclaredEndpoint,
  drivers: readonly DescribedDriver[],
): SiteProblem[] {
  const { agent, kind, driver, options, path } = declared;
  const offered = drivers.filter(({ port }) => port === kind);
  const described = offered.find((one) => one.driver === driver);
  if (!described) {
    const known = offered.map((one) => one.driver).toSorted();
    const expected =
      known.length > 0 ? `one of ${known.join(", ")}` : `none: it has no driver for ${kind}`;
    return [
      at(
        site,
        [...path, "driver"],
        `unknown driver ${quoted(driver)} of agent ${agent}; expected ${expected}`,
      ),
    ];
  }
  const validate = compiled(described);
  if (typeof validate === "string") return [at(site, [...path, "driver"], validate)];
  if (validate(options)) return [];
  return schemaProblems(validate.errors ?? [], [...path, "options"], site.lineOf);
}

/** A node that is woken by its button needs something that can press it. */
function wakeProblems(
  site: Site,
  { id, wake, endpoints }: DeclaredNode,
  { agent, driver, kind }: DeclaredEndpoint,
  drivers: readonly DescribedDriver[],
): SiteProblem[] {
  if (wake !== "button" || endpoints.some((one) => one.kind === "button")) return [];
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
