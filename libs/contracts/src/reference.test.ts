import { readdir, readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { Ajv } from "ajv";
import { describe, expect, it } from "vitest";
import { CATALOG } from "./catalog.js";
import { ACTIONS } from "./power.js";
import { REASON_CODES } from "./reasons.js";
import { REFERENCE_COMMAND, referenceFiles } from "./reference.js";

const folder = fileURLToPath(new URL("../../../docs/reference/", import.meta.url));
const files = referenceFiles();

const text = (path: string): string => files.get(path) ?? "";

describe("docs/reference", () => {
  it.each([...files])("%s is what the contracts say", async (path, expected) => {
    const written = await readFile(folder + path, "utf8").catch(() => "");
    expect(
      written === expected,
      `docs/reference/${path} is not current: run \`${REFERENCE_COMMAND}\` and commit what it wrote`,
    ).toBe(true);
  });

  it("has no schema of a payload that is gone", async () => {
    const there = await readdir(`${folder}schemas`);
    expect(
      there.filter((name) => !files.has(`schemas/${name}`)),
      `run \`${REFERENCE_COMMAND}\``,
    ).toEqual([]);
  });

  it("the command is there", async () => {
    const root = await readFile(new URL("../../../package.json", import.meta.url), "utf8");
    const { scripts } = JSON.parse(root) as { scripts: Record<string, string> };
    expect(scripts[REFERENCE_COMMAND.replace("npm run ", "")]).toContain("write-reference.js");
  });
});

describe("what the pages say", () => {
  it("every topic, payload, reason and action is there", () => {
    for (const { template, payload } of CATALOG) {
      expect(text("topics.md")).toContain(`| \`${template}\` `);
      expect(text("topics.md")).toContain(`\n### ${payload.name}\n`);
      expect(text("publish-acl.md")).toContain(`\`outrider/v1/${template}\``);
    }
    for (const code of REASON_CODES) expect(text("reason-codes.md")).toContain(`| \`${code}\` `);
    for (const action of ACTIONS)
      expect(text("action-table.md")).toMatch(new RegExp(`^\\| ${action} +\\| .*\\|$`, "m"));
  });

  it("every link leads to a heading", () => {
    const page = text("topics.md").replaceAll(/`[^`]*`/g, "");
    const headings = new Set(
      [...page.matchAll(/^#+ (.+)$/gm)].map(([, words]) => words?.toLowerCase()),
    );
    const links = [...page.matchAll(/\]\(#([^)]+)\)/g)].map(([, to]) => to);
    expect(links.length).toBeGreaterThan(CATALOG.length);
    for (const to of links) expect(headings).toContain(to);
    const pages = [...page.matchAll(/\]\(([^#)]+)\)/g)].map(([, to]) => to);
    for (const to of pages) expect([...files.keys(), "schemas"]).toContain(to);
  });

  it("every schema is one that a validator takes", () => {
    const ajv = new Ajv({ strict: true, strictRequired: false });
    for (const { payload } of CATALOG) {
      const schema = JSON.parse(text(`schemas/${payload.name}.json`)) as object;
      expect(() => ajv.compile(schema)).not.toThrow();
    }
  });

  it("no two payloads have one title", () => {
    const titles = new Map(CATALOG.map(({ payload }) => [payload.name, payload]));
    expect(titles.size).toBe(new Set(CATALOG.map(({ payload }) => payload)).size);
  });

  it("a row has as many cells as its head", () => {
    for (const [path, page] of files) {
      if (!path.endsWith(".md")) continue;
      for (const block of page
        .trim()
        .split("\n\n")
        .filter((one) => one.startsWith("|"))) {
        const cells = block.split("\n").map((line) => line.replaceAll("\\|", "").split("|").length);
        expect(new Set(cells).size, `${path}: ${block.slice(0, 80)}`).toBe(1);
      }
    }
  });
});
