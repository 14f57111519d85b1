import { describe, expect, it } from "vitest";
import { readSite } from "./site-file.js";
import { SiteFileError } from "./site-problem.js";
import { readSiteAside } from "./site-reader.js";

const long = (last: string): string =>
  [
    "site: lab",
    "agents: { rack-a: {} }",
    "nodes:",
    ...Array.from(
      { length: 1500 },
      (_, index) =>
        `  n${index + 1}: { roles: [storage], power: { agent: rack-a, driver: qemu, options: { slot: ${index} } } }`,
    ).slice(0, 900),
    `powerDomains: { psu: { nodes: "${last}" } }`,
    "roles: { spare: { power: { interlock: last-in-role } } }",
    "",
  ].join("\n");

describe("a long site file", () => {
  it("is read as a short one is", async () => {
    const text = long("n[1-900]");
    expect(text.length).toBeGreaterThan(50_000);
    const { lineOf, ...site } = await readSiteAside(text, "site.yaml");
    const { lineOf: _, ...expected } = readSite(text, "site.yaml");
    expect(site).toEqual(expected);
    expect(site.warnings).toHaveLength(1);
    expect(lineOf(["nodes", "n7", "power", "driver"])).toBe(10);
  });

  it("is refused with the same problems", async () => {
    const text = long("n[1-901]");
    const refused = readSiteAside(text, "site.yaml");
    await expect(refused).rejects.toThrow(SiteFileError);
    await expect(refused).rejects.toThrow(
      "site.yaml:904: powerDomains.psu.nodes: 'n[1-901]': there is no node n901",
    );
  });
});
