import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { readSite } from "./site-file.js";
import { SiteFileError } from "./site-problem.js";

const FOLDER = fileURLToPath(new URL("../src/testing/bad-sites/", import.meta.url));

const files = readdirSync(FOLDER);
const sites = files.filter((name) => name.endsWith(".yaml"));

function said(file: string): string {
  try {
    readSite(readFileSync(FOLDER + file, "utf8"), file);
    return "nothing";
  } catch (error) {
    if (!(error instanceof SiteFileError)) throw error;
    return error.message;
  }
}

describe("a bad site file gets its line and its sentence:", () => {
  it("the corpus is there", () => {
    expect(sites.length).toBeGreaterThanOrEqual(100);
    expect(files.length).toBe(2 * sites.length);
  });

  it.each(sites)("%s", (file) => {
    const expected = readFileSync(FOLDER + file.replace(/\.yaml$/, ".txt"), "utf8");
    expect(said(file)).toBe(expected.trimEnd());
  });
});
