import type { ConsolePolicies, ConsolePolicy } from "@outrider/contracts/console";
import type { Site } from "./site.js";

/** What is published of consoles: one policy for each that is declared, and the rules that watch them. */
export function policiesOf({
  nodes,
  consoleRules,
}: Pick<Site, "nodes" | "consoleRules">): ConsolePolicies {
  return {
    nodes: Object.fromEntries(
      nodes.flatMap(({ id, endpoints, terminal }) => {
        const wire = endpoints.find(({ kind }) => kind === "console");
        if (!wire) return [];
        const policy: ConsolePolicy = { agent: wire.agent, driver: wire.driver, ...terminal };
        return [[id, policy] as const];
      }),
    ),
    rules: Object.fromEntries([...consoleRules].map(([id, rule]) => [id, { ...rule }])),
  };
}
