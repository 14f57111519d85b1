import { existsSync, readdirSync, readFileSync } from "node:fs";
import { driverCatalogue } from "@outrider/agent/catalogue";
import type { DescribedDriver } from "@outrider/contracts/agent";
import { agentId } from "@outrider/contracts/ids";
import { SITE_INTERFACES } from "@outrider/contracts/site-file";
import { driverProblems } from "@outrider/inventory-service/driver-options";
import { readSite } from "@outrider/inventory-service/site-file";
import { problemText, SiteFileError } from "@outrider/inventory-service/site-problem";
import { beforeAll, describe, expect, it } from "vitest";

/** What people copy out of the recipes is what the drivers of this tree take; links lead somewhere. */
const ROOT = new URL("../../", import.meta.url);
const RECIPES = [
  ...readdirSync(new URL("docs/hardware/", ROOT))
    .filter((name) => name.endsWith(".md"))
    .map((name) => `docs/hardware/${name}`),
  "docs/drivers.md",
  "hardware/reporter/README.md",
];

interface Block {
  readonly where: string;
  readonly text: string;
}

/** The code blocks of a page, without the indent that they have in common. */
function blocks(page: string, language: string): Block[] {
  const text = read(page);
  const found = text.matchAll(new RegExp(`^\`\`\`${language}\\n([\\s\\S]*?)^\`\`\``, "gm"));
  return [...found].map(({ 1: body = "", index }) => ({
    where: `${page}:${text.slice(0, index).split("\n").length}`,
    text: dedented(body),
  }));
}

function dedented(text: string): string {
  const lines = text.split("\n");
  const indents = lines.filter((line) => line.trim() !== "").map((line) => line.search(/\S/));
  return lines.map((line) => line.slice(Math.min(...indents))).join("\n");
}

function read(page: string): string {
  return readFileSync(new URL(page, ROOT), "utf8");
}

/** A fragment as a whole site: interfaces are those of a node, and its agents are declared. */
function siteOf(fragment: string): string {
  const keys = [...fragment.matchAll(/^([A-Za-z]+):/gm)].map(([, key = ""]) => key);
  const below = (indent: string): string => fragment.replaceAll(/^(?=.)/gm, indent);
  const interfaces = keys.every((key) => [...SITE_INTERFACES, ...NODE_KEYS].includes(key));
  const nodes = keys.includes("nodes") ? fragment : `nodes:\n  n1:\n${below("    ")}`;
  if (!keys.includes("nodes") && !interfaces) return fragment;
  const agents = new Set([...fragment.matchAll(/\bagent: ([a-z0-9-]+)/g)].map(([, id]) => id));
  const head = keys.includes("agents")
    ? ""
    : `agents: { ${[...agents].map((id) => `${id}: {}`).join(", ")} }\n`;
  return `${keys.includes("site") ? "" : "site: lab\n"}${head}${nodes}`;
}
const NODE_KEYS = ["wake", "restore", "dwell", "gracefulLimit", "terminal", "macs", "draw"];

let drivers: readonly DescribedDriver[];
beforeAll(async () => {
  drivers = await driverCatalogue({
    error: (fields: object, message: string) => {
      throw new Error(message, { cause: fields });
    },
  });
});

/** All that is wrong with a fragment, as somebody who applies it would be told. */
function faults({ where, text }: Block): string[] {
  const whole = siteOf(text);
  try {
    const site = readSite(whole, where);
    const agents = [...whole.matchAll(/\bagent: ([a-z0-9-]+)/g)].map(([, id = ""]) => agentId(id));
    return [...new Set(agents)]
      .flatMap((agent) => driverProblems(site, agent, drivers))
      .map((problem) => problemText(where, problem));
  } catch (error) {
    if (!(error instanceof SiteFileError)) throw error;
    return error.problems.map((problem) => problemText(where, problem));
  }
}

describe("a recipe", () => {
  const fragments = RECIPES.flatMap((page) => blocks(page, "yaml"));

  it("is there for what people have", () => {
    expect(fragments.length).toBeGreaterThan(15);
  });

  it.each(fragments)("of $where is a site file that its agent can drive", (fragment) => {
    expect(faults(fragment)).toEqual([]);
  });

  it("switches by no line of a Pi that is pulled to active until somebody drives it", () => {
    const GPIO = /output: \{ driver: gpio, options: \{ chip: pinctrl-\S+, line: (\d+) \}/g;
    const lines = fragments.flatMap(({ where, text }) =>
      [...text.matchAll(GPIO)].map(([, line]) => ({ where, line: Number(line) })),
    );
    expect(lines.length).toBeGreaterThan(4);
    expect(lines.filter(({ line }) => line <= 8)).toEqual([]);
  });

  it("would not be taken with a driver, an option or a need that there is not", () => {
    const wrong = [
      "power: { agent: rack-a, driver: no-such }",
      "heartbeat: { net: { agent: rack-a, driver: tcp-port, options: { host: 10.0.0.1, prt: 1 } } }",
      "power: { agent: rack-a, driver: output }",
    ];
    for (const text of wrong) expect(faults({ where: "x", text })).not.toEqual([]);
  });
});

describe("the driver that is walked through", () => {
  const FILE_LINE = /^\/\/ (hardware\/\S+)\n/;
  const quoted = blocks("docs/drivers.md", "ts").filter(({ text }) => FILE_LINE.test(text));

  it("is quoted as it stands in its files", () => {
    expect(quoted.length).toBeGreaterThanOrEqual(2);
    for (const { where, text } of quoted) {
      const [head = "", file = ""] = FILE_LINE.exec(text) ?? [];
      // A driver stands there whole.
      if (!file.includes(".test.")) {
        expect(text.slice(head.length).trim(), where).toBe(read(file).trim());
      }
      for (const part of text.slice(head.length).trimEnd().split("\n// …\n")) {
        expect(read(file), `${where} is not in ${file}: ${part}`).toContain(part.trim());
      }
    }
  });
});

describe("links", () => {
  it.each(RECIPES)("of %s lead to a file", (page) => {
    const links = [...read(page).matchAll(/\]\(([^)#]+?)(?:#[^)]*)?\)/g)].map(([, to = ""]) => to);
    const dead = links
      .filter((to) => !/^[a-z]+:/.test(to))
      .filter((to) => !existsSync(new URL(to, new URL(page, ROOT))));
    expect(dead).toEqual([]);
  });

  it("to every recipe stand in the list of them", () => {
    const list = read("docs/hardware/README.md");
    const missing = readdirSync(new URL("docs/hardware/", ROOT)).filter(
      (name) => name.endsWith(".md") && name !== "README.md" && !list.includes(`(${name})`),
    );
    expect(missing).toEqual([]);
  });
});
