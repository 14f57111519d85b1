import type { DescribedDriver } from "@outrider/contracts/agent";
import { foldNames } from "@outrider/contracts/node-set-fold";
import type { Columns } from "./output.js";
import { plain, table } from "./plain.js";
import { entryLine, type SiteEntry } from "./site-lines.js";

/** A driver, and the agents that describe it just so. */
export interface DriverRow extends DescribedDriver {
  readonly agents: readonly string[];
}

interface Property {
  readonly type?: string;
  readonly $ref?: string;
  readonly description?: string;
  readonly enum?: readonly unknown[];
  readonly minimum?: number;
  readonly maximum?: number;
  readonly items?: Property;
}
interface Schema {
  readonly properties?: Readonly<Record<string, Property>>;
  readonly required?: readonly string[];
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
  const agent = agents[0] ?? "rack-a";
  return [
    `${port}/${driver}`,
    `  ${plain(summary)}`,
    `  tried against: ${proof === undefined ? "nothing that somebody else made: unproven. Test the endpoint before you rely on it" : plain(proof)}`,
    `  agents: ${agents.join(", ")}`,
    ...(actions.length > 0 ? [`  actions: ${actions.join(", ")}`] : []),
    ...(exclusive.length > 0
      ? [`  takes for itself: ${exclusive.join(", ")}; no two endpoints of an agent have the same`]
      : []),
    ...titled("options", optionRows(row.options)),
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

function optionRows(schema: Readonly<Record<string, unknown>>): string[][] {
  const { properties = {}, required = [] } = schema as Schema;
  return Object.entries(properties)
    .toSorted(([a], [b]) => Number(required.includes(b)) - Number(required.includes(a)))
    .map(([name, property]) => [
      name,
      required.includes(name) ? "needed" : "",
      valuesOf(property),
      property.description ?? "",
    ]);
}

/** `1 to 48`, `on | off`, `{ file | env }`, `text`. */
export function valuesOf({ type, $ref, enum: words, minimum, maximum, items }: Property): string {
  if ($ref?.endsWith("/SecretReference")) return "{ file: … } or { env: … }";
  if (words) return words.map(String).join(" | ");
  if (type === "array" && items) return `list of ${valuesOf(items)}`;
  if (minimum !== undefined && maximum !== undefined) return `${minimum} to ${maximum}`;
  if (type === "string") return "text";
  if (type === "boolean") return "true | false";
  return type ?? "map";
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
