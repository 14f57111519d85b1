import type { DriverExample, PortKind } from "@outrider/ports/driver";
import { PORT_KINDS } from "@outrider/ports/driver";
import { table } from "@outrider/contracts/markdown";
import { optionRows } from "@outrider/contracts/option-values";
import { describedSchema, readOptionWords, type OptionWords } from "./option-words.js";
import { listDrivers, loadDriver } from "./registry.js";

type AnyDriver = Awaited<ReturnType<typeof loadDriver>>;

const HEAD = `# Drivers

<!-- Made from hardware/drivers by \`npm run reference\`. Not edited by hand. -->

What an agent of this version can drive. \`outrider drivers\` says the same of the agents that are running. Recipes, from the
wires to the site file, stand in [hardware](../hardware/README.md); a driver of your own is [one file](../drivers.md).

**Unproven**: nobody has tried the driver against anything that the project did not write itself. Test the endpoint
(\`outrider agent test\`) before you rely on it, and tell us how it went. What a proven driver was tried against stands beside
it: programs, kernels and recorded traffic. *None was tried on real hardware by the tests.*
`;

const PORT_WORDS: Readonly<Record<PortKind, string>> = {
  power: "Switches and reads the supply of a node.",
  reset: "Pulls the reset line.",
  button: "Presses the power button, or asks the host in another way to shut down.",
  boot: "Says from where the node boots next.",
  console: "Carries the bytes of the serial console.",
  identify: "A lamp by which a person finds the node.",
  sensor: "Measures something, in units of its name.",
  heartbeat: "Looks for a sign of life, and says what it proves.",
  "digital-output":
    "A line that can be set. A part for others: `needs` of `power/output`, `reset/output-pulse` …",
  "digital-input":
    "A line that can be read. A part for others: `needs` of `power/output`, `heartbeat/input` …",
};

/** `docs/reference/drivers.md`, from the drivers as they are. */
export async function driverReference(): Promise<string> {
  const words = await readOptionWords();
  const drivers = await Promise.all(
    (await listDrivers()).map(({ port, driver }) => loadDriver(port, driver)),
  );
  const sections = PORT_KINDS.flatMap((port) => {
    const own = drivers.filter((one) => one.port === port);
    if (own.length === 0) return [];
    return [`## ${port}\n\n${PORT_WORDS[port]}\n`, ...own.map((one) => section(one, words))];
  });
  const rows = PORT_KINDS.flatMap((port) =>
    drivers
      .filter((one) => one.port === port)
      .map((one) => [port, `[${one.driver}](#${port}${one.driver})`, one.proof ?? "**unproven**"]),
  );
  return [HEAD, `${table(["Port", "Driver", "Tried against"], rows)}\n`, ...sections].join("\n");
}

function section(driver: AnyDriver, words: OptionWords): string {
  const {
    port,
    summary,
    proof,
    actions,
    exclusive = [],
    needs = {},
    options,
    example,
    resource,
  } = driver;
  const rows = optionRows(describedSchema(options, words)).map((row) => [
    `\`${row.name}\``,
    row.needed ? "needed" : "",
    row.values,
    row.meaning,
  ]);
  const needRows = Object.entries(needs).map(([name, need]) => [
    `\`${name}\``,
    need.optional ? "" : "needed",
    need.port,
    need.summary,
  ]);
  const facts = [
    `- Tried against: ${proof ?? "nothing that somebody else made. **Unproven**"}`,
    ...(actions.length > 0 ? [`- Actions: ${actions.map((one) => `\`${one}\``).join(", ")}`] : []),
    ...(exclusive.length > 0
      ? [`- Takes for itself: ${exclusive.map((one) => `\`${one}\``).join(", ")}`]
      : []),
    ...(resource
      ? [`- Leaves to no other driver: ${resource.options.map((one) => `\`${one}\``).join(", ")}`]
      : []),
  ];
  return [
    `### ${port}/${driver.driver}\n`,
    `${summary}\n`,
    `${facts.join("\n")}\n`,
    ...(rows.length > 0 ? [`${table(["Option", "", "Values", "Meaning"], rows)}\n`] : []),
    ...(needRows.length > 0 ? [`${table(["Need", "", "Port", "What it does"], needRows)}\n`] : []),
    `\`\`\`yaml\n${exampleText(port, driver.driver, example)}\n\`\`\`\n`,
  ].join("\n");
}

/** An endpoint below a node of a site file, or a part of one. */
function exampleText(
  port: PortKind,
  driver: string,
  { options, needs }: DriverExample<object>,
): string {
  const entry = {
    driver,
    ...(Object.keys(options).length > 0 ? { options } : {}),
    ...(needs ? { needs } : {}),
  };
  const text = flow({ agent: "rack-a", ...entry });
  switch (port) {
    case "digital-output":
      return `needs: { output: ${flow(entry)} }`;
    case "digital-input":
      return `needs: { input: ${flow(entry)} }`;
    case "sensor":
    case "heartbeat":
      return `${port}: { own: ${text} }`;
    case "boot":
      return `boot: { override: ${text} }`;
    default:
      return `${port}: ${text}`;
  }
}

/** YAML on one line. */
function flow(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(flow).join(", ")}]`;
  if (typeof value === "object" && value !== null) {
    const entries = Object.entries(value).map(([key, one]) =>
      // As people know the addresses of chips.
      key === "address" && typeof one === "number"
        ? `address: 0x${one.toString(16)}`
        : `${flow(key)}: ${flow(one)}`,
    );
    return entries.length === 0 ? "{}" : `{ ${entries.join(", ")} }`;
  }
  if (typeof value === "string" && /^[A-Za-z/][\w./-]*$/.test(value) && !WORDS.test(value))
    return value;
  return JSON.stringify(value);
}

/** Words that YAML takes for something else than text. */
const WORDS = /^(true|false|yes|no|on|off|null|y|n)$/i;
