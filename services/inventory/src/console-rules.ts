import { consolePolicies } from "@outrider/contracts/console";
import { policiesOf } from "./console-policies.js";
import { pathText, type Report, type SitePath } from "./site-problem.js";
import type { DeclaredNode, Site } from "./site.js";
import type { SiteYaml } from "./site-yaml.js";

const PORTS = [
  ["telnet", "telnetPort"],
  ["raw", "rawPort"],
  ["rfc2217", "rfc2217Port"],
] as const;

/** What must fit together for consoles, their ports and the rules that watch them. */
export function consoleProblems(
  site: Site,
  { value: given, lineOf }: SiteYaml,
  ports: ReadonlyMap<number, string>,
  report: Report,
  warn: Report,
): void {
  portsAreNotShared(site, ports, lineOf, report);
  terminalsHaveConsoles(site, given, report);
  rulesCanAct(site, given, warn);
  if (Buffer.byteLength(JSON.stringify(policiesOf(site))) > consolePolicies.maxBytes) {
    report(
      ["consoleRules"],
      `what is declared of consoles has more than ${consolePolicies.maxBytes} bytes, which is what a message holds; leave nodes out where a rule is for all`,
    );
  }
}

/** @param taken ports that Outrider itself listens on, and what for */
function portsAreNotShared(
  { nodes }: Site,
  taken: ReadonlyMap<number, string>,
  lineOf: SiteYaml["lineOf"],
  report: Report,
): void {
  const first = new Map<number, SitePath>();
  for (const { id, terminal } of nodes) {
    for (const [key, property] of PORTS) {
      const port = terminal[property];
      if (port === undefined) continue;
      const path = ["nodes", id, "terminal", key];
      const other = first.get(port);
      const use = taken.get(port);
      if (use !== undefined) {
        report(path, `port ${port} is Outrider's own by ${use}; expected a free one`);
      } else if (other) {
        report(
          path,
          `port ${port} is that of ${pathText(other)} in line ${lineOf(other)} already; expected a port of its own`,
        );
      }
      first.set(port, other ?? path);
    }
  }
}

/** Ports, logs and breaks of a console that there is not: nobody would be served. */
function terminalsHaveConsoles({ nodes }: Site, given: unknown, report: Report): void {
  const all = (given as { readonly nodes?: Readonly<Record<string, unknown>> }).nodes ?? {};
  for (const { id } of nodes) {
    const node = all[id];
    if (typeof node !== "object" || node === null || !Object.hasOwn(node, "terminal")) continue;
    // One that is there and wrong is said already.
    if (Object.hasOwn(node, "console")) continue;
    report(
      ["nodes", id, "terminal"],
      "needs a console interface; declare one, or leave terminal out",
    );
  }
}

function rulesCanAct({ nodes, consoleRules }: Site, given: unknown, warn: Report): void {
  const declared = (given as { readonly consoleRules?: object }).consoleRules ?? {};
  const has = (kind: string): Set<string> =>
    new Set(nodes.filter((node) => hasInterface(node, kind)).map(({ id }) => id));
  const [consoles, supplies] = [has("console"), has("power")];
  for (const [id, rule] of consoleRules) {
    if (!Object.hasOwn(declared, id)) continue;
    const named = rule.nodes ?? [];
    const silent = named.filter((node) => !consoles.has(node));
    if (silent.length > 0) {
      warn(
        ["consoleRules", id, "nodes"],
        `${listOf(silent)} no console, so nothing is watched there`,
      );
    }
    const power = rule.actions.find(({ kind }) => kind === "power");
    const fixed = named.filter((node) => consoles.has(node) && !supplies.has(node));
    if (power && fixed.length > 0) {
      warn(
        ["consoleRules", id, "actions"],
        `${listOf(fixed)} no power interface, so ${power.action ?? "power"} may be refused there`,
      );
    }
  }
}

function hasInterface({ endpoints }: DeclaredNode, kind: string): boolean {
  return endpoints.some((one) => one.kind === kind);
}

function listOf(nodes: readonly string[]): string {
  const shown = nodes.slice(0, 5).join(", ");
  if (nodes.length === 1) return `node ${shown} has`;
  return `nodes ${shown}${nodes.length > 5 ? ` and ${nodes.length - 5} more` : ""} have`;
}
