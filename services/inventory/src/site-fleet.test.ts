import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { agentId } from "@outrider/contracts/ids";
import { contentHash, desiredDomains, desiredEndpoints } from "./desired.js";
import { policyOf } from "./site-policy.js";
import { readSite } from "./site-file.js";

const SITE = `
site: lab
agents: { rack-a: {}, rack-b: {} }
nodes:
  n1: { roles: [storage], draw: { running: 8, starting: 12 }, power: { agent: rack-a, driver: qemu, options: { slot: 1 } } }
  n2: { roles: [storage], labels: { rack: b }, draw: { running: 6 }, power: { agent: rack-a, driver: qemu, options: { slot: 2 } } }
  n10: { power: { agent: rack-b, driver: qemu, options: { slot: 1 } } }
  n11: {}
powerDomains:
  psu-a: { nodes: "@storage", concurrentStarts: 2, startSpacing: 2s, startDuration: 500ms, wattBudget: 120 }
  psu-b: { nodes: "n[10-11]" }
roles:
  storage:
    disks: { data: { count: 2, minimumBytes: 1.5TiB } }
    boot: { profile: ceph-osd }
    power:
      interlock: last-in-role
      keepRunning: 2
      drain: { command: [ceph, osd, set, noout], deadline: 2m }
      undrain: { webhook: "http://127.0.0.1:9000/back", deadline: 10s, onFailure: continue }
  spare: { power: { interlock: last-in-role } }
`;
const site = readSite(SITE, "site.yaml");

describe("what is declared for many nodes", () => {
  it("is published with node sets resolved and every default filled in", () => {
    expect(policyOf(site)).toEqual({
      site: "lab",
      powerDomains: {
        "psu-a": {
          nodes: ["n1", "n2"],
          concurrentStarts: 2,
          startSpacingMs: 2000,
          startDurationMs: 500,
          wattBudget: 120,
          oneAgent: true,
        },
        "psu-b": {
          nodes: ["n10", "n11"],
          startSpacingMs: 0,
          startDurationMs: 10_000,
          oneAgent: true,
        },
      },
      roles: {
        storage: {
          interlock: "last-in-role",
          keepRunning: 2,
          drain: {
            command: ["ceph", "osd", "set", "noout"],
            deadlineMs: 120_000,
            onFailure: "stop",
          },
          undrain: {
            webhook: "http://127.0.0.1:9000/back",
            deadlineMs: 10_000,
            onFailure: "continue",
          },
        },
        spare: { interlock: "last-in-role", keepRunning: 1 },
      },
      draws: {
        n1: { runningWatts: 8, startingWatts: 12 },
        n2: { runningWatts: 6, startingWatts: 6 },
      },
    });
    expect(site.roles.get("storage")?.disks.get("data")).toEqual({
      count: 2,
      minimumBytes: 1.5 * 2 ** 40,
    });
  });

  it("warns of an interlock that would never let a node go down", () => {
    expect(site.warnings.map(({ line, path, message }) => `${line} ${path} ${message}`)).toEqual([
      "17 roles.storage.power.interlock last-in-role keeps 2 up and role 'storage' has 2 nodes, so none of them may ever go down without an override",
      "21 roles.spare.power.interlock last-in-role keeps 1 up and role 'spare' has 0 nodes, so none of them may ever go down without an override",
    ]);
  });

  it("gives each agent the domains and draws of its own supplies", () => {
    const a = agentId("rack-a");
    expect(desiredDomains(site, a)).toEqual([
      {
        domain: "psu-a",
        concurrentStarts: 2,
        startSpacingMs: 2000,
        startDurationMs: 500,
        wattBudget: 120,
      },
    ]);
    expect(desiredEndpoints(site, a)).toMatchObject([
      { endpoint: "n1.power", domain: "psu-a", runningWatts: 8, startingWatts: 12 },
      { endpoint: "n2.power", domain: "psu-a", runningWatts: 6, startingWatts: 6 },
    ]);
    const slower = readSite(SITE.replace("startSpacing: 2s", "startSpacing: 3s"), "site.yaml");
    const hash = (of: typeof site): string =>
      contentHash(desiredEndpoints(of, a), desiredDomains(of, a));
    expect(hash(slower)).not.toBe(hash(site));
  });
});

describe("the example of the documents", () => {
  it("is a right site file", () => {
    const page = readFileSync(new URL("../../../docs/site-file.md", import.meta.url), "utf8");
    const [, example = ""] = /```yaml\n([^]*?)```/.exec(page) ?? [];
    expect(readSite(example, "site-file.md")).toMatchObject({ name: "lab" });
  });
});
