import type { DescribedDriver } from "@outrider/contracts/agent";
import { foldNames } from "@outrider/contracts/node-set-fold";
import { optionRows } from "@outrider/contracts/option-values";
import type { Columns } from "./output.js";
import { plain, table } from "./plain.js";
import { entryLine, type SiteEntry } from "./site-lines.js";

/** A driver, and the agents that describe it just so. */
export interface DriverRow extends DescribedDriver {
  readonly agents: readonly string[];
}

export const DRIVERS: Columns<DriverRow> = {
  things: "drivers",
  head: ["PORT", "DRIVER", "TRIED AGAINST", "AGENTS"],
  name: ({ port, driver }) => `${port}/${driver}`,
  row: ({ port, driver, proof, agents }) => [
    port,
    driver,
    proof === undefined ? "unproven" : shortened(proof),
    foldNames(agents),
  ],
};

const LONGEST = 60;

function shortened(text: string): string {
  return text.length <= LONGEST ? text : `${text.slice(0, LONGEST - 1)}…`;
}

/** All that is known of a driver, for a person who is about to declare it. */
export function driverLines(row: DriverRow): string[] {
  const { port, driver, summary, proof, agents, actions, exclusive = [], needs = {} } = row;
  const whose = row.network === undefined ? "of an agent" : "of any agent";
  const agent = agents[0] ?? "rack-a";
  return [
    `${port}/${driver}`,
    `  ${plain(summary)}`,
    `  tried against: ${proof === undefined ? "nothing that somebody else made: unproven. Test the endpoint before you rely on it" : plain(proof)}`,
    `  agents: ${agents.join(", ")}`,
    ...(actions.length > 0 ? [`  actions: ${actions.join(", ")}`] : []),
    ...(exclusive.length > 0
      ? [`  takes for itself: ${exclusive.join(", ")}; no two endpoints ${whose} have the same`]
      : []),
    ...titled(
      "options",
      optionRows(row.options).map(({ name, needed, values, meaning }) => [
        name,
        needed ? "needed" : "",
        values,
        meaning,
      ]),
    ),
    ...titled(
      "needs",
      Object.entries(needs).map(([name, need]) => [
        name,
        need.optional ? "" : "needed",
        need.port,
        plain(need.summary),
      ]),
    ),
    ...exampleLines(row, agent),
  ];
}

function titled(title: string, rows: readonly (readonly string[])[]): string[] {
  if (rows.length === 0) return [];
  const lines = table(rows.map((row) => row.map(plain))).split("\n");
  return ["", `${title}:`, ...lines.map((line) => `  ${line}`)];
}

function exampleLines({ port, driver, example }: DriverRow, agent: string): string[] {
  if (!example) return [];
  const { options, needs } = example as Pick<SiteEntry, "options" | "needs">;
  const entry = { agent, driver, ...(options ? { options } : {}), ...(needs ? { needs } : {}) };
  if (port === "digital-output" || port === "digital-input") {
    const [line = ""] = entryLine("part", driver, entry);
    return [
      "",
      "example, as a part in `needs` of an endpoint:",
      `  ${line.replace(/agent: [^,]+, /, "").replace(/^part/, "output")}`,
    ];
  }
  const lines = entryLine(port, driver, entry);
  return ["", "example, below a node of the site file:", ...lines.map((line) => `  ${line}`)];
}
