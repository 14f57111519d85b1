import type { EndpointProposal } from "@outrider/contracts/agent-request";
import { check } from "@outrider/contracts/codec";
import { nodeId } from "@outrider/contracts/ids";
import { SiteFile } from "@outrider/contracts/site-file";
import { describe, expect, it } from "vitest";
import { parse } from "yaml";
import { proposedSite } from "./site-lines.js";

const proposal = (more: Partial<EndpointProposal>): EndpointProposal => ({
  port: "power",
  driver: "snmp-poe",
  options: { host: "10.0.0.2", port: 7 },
  why: "Its address was learnt there.",
  confidence: "high",
  ...more,
});

/** The lines in a whole site file, as it would be read. */
function read(lines: readonly string[]): SiteFile {
  const text = ["site: lab", "agents: { rack-a: {} }", ...lines].join("\n");
  const checked = check(SiteFile, parse(text), true);
  expect(checked).toMatchObject({ ok: true });
  return (checked as { value: SiteFile }).value;
}

describe("what an agent proposes", () => {
  it("is a part of a site file that can be read, with the reason above each endpoint", () => {
    const n1 = nodeId("n1");
    const lines = proposedSite("rack-a", [
      proposal({ node: n1 }),
      proposal({
        port: "sensor",
        driver: "hwmon",
        node: n1,
        options: { name: "ina226" },
        confidence: "low",
      }),
      proposal({ port: "sensor", driver: "hwmon", node: n1, options: { name: "tmp102" } }),
      proposal({ port: "console", driver: "serial", options: { path: "/dev/serial/by-path/x" } }),
    ]);
    const { nodes } = read(lines);
    expect(nodes).toMatchObject({
      n1: {
        power: { agent: "rack-a", driver: "snmp-poe", options: { host: "10.0.0.2", port: 7 } },
        sensor: {
          hwmon: { options: { name: "ina226" } },
          "hwmon-2": { options: { name: "tmp102" } },
        },
      },
      "new-1": { console: { driver: "serial" } },
    });
    expect(lines).toContain("    # high: Its address was learnt there.");
    expect(lines).toContain("      # low: Its address was learnt there.");
  });

  it("leaves the choice to a person where a node would have two of a kind", () => {
    const n1 = nodeId("n1");
    const other = proposal({ node: n1, options: { host: "10.0.0.9", port: 1 } });
    const lines = proposedSite("rack-a", [proposal({ node: n1 }), other]);
    expect(read(lines).nodes["n1"]?.power?.options).toEqual({ host: "10.0.0.2", port: 7 });
    expect(lines.filter((line) => line.includes("# or power:"))).toHaveLength(1);
  });

  it("keeps what is only a part of something out of the nodes", () => {
    const line = proposal({
      port: "digital-output",
      driver: "gpio",
      options: { chip: "c", line: 1 },
    });
    const lines = proposedSite("rack-a", [line, proposal({})]);
    expect(read(lines).nodes).not.toHaveProperty("new-2");
    expect(lines.at(-1)).toBe("# digital-output: { driver: gpio, options: { chip: c, line: 1 } }");
  });

  it("has addresses of chips as people know them, which mean the same", () => {
    const options = { bus: "i2c-1", address: 65, shuntMilliohms: 10 };
    const lines = proposedSite("rack-a", [proposal({ port: "sensor", driver: "ina226", options })]);
    expect(lines.join("\n")).toContain("address: 0x41,");
    expect(read(lines).nodes["new-1"]?.sensor?.["ina226"]?.options).toEqual(options);
  });

  it("lets no word of a device out of its comment or its string", () => {
    const hostile = "x\nnodes:\n  evil: {}\u001b[2J\u2028y";
    const lines = proposedSite("rack-a", [proposal({ why: hostile, options: { path: hostile } })]);
    expect(Object.keys(read(lines).nodes)).toEqual(["new-1"]);
    expect(lines.join("\n")).not.toMatch(/[\u001b\u2028]/);
    expect(lines.every((line) => !line.includes("\n"))).toBe(true);
  });
});
