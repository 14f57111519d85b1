import { describe, expect, it } from "vitest";
import { Exposition } from "./exposition.js";

describe("what is told to Prometheus", () => {
  it("has the samples of a family together, with what they mean", () => {
    const told = new Exposition();
    const volts = told.declare("outrider_node_voltage_volts", "gauge", "Last reading.");
    const up = told.declare("outrider_agent_up", "gauge", "1 while\nthere.");
    volts(5.1, { node: "n1", sensor: "supply" });
    up(1, { agent: 'a"\\\n1' });
    volts(-0, { node: "n2", sensor: "supply" });
    told.declare("outrider_never", "gauge", "No sample.");
    expect(told.text()).toBe(
      [
        "# HELP outrider_agent_up 1 while\\nthere.",
        "# TYPE outrider_agent_up gauge",
        'outrider_agent_up{agent="a\\"\\\\\\n1"} 1',
        "# HELP outrider_node_voltage_volts Last reading.",
        "# TYPE outrider_node_voltage_volts gauge",
        'outrider_node_voltage_volts{node="n1",sensor="supply"} 5.1',
        'outrider_node_voltage_volts{node="n2",sensor="supply"} 0',
        "",
      ].join("\n"),
    );
  });

  it("puts together what several processes tell, each told apart", () => {
    const told = new Exposition();
    const text = (count: number): string =>
      [
        "# HELP lag_seconds How late.",
        "# TYPE lag_seconds histogram",
        `lag_seconds_bucket{le="0.1"} ${count}`,
        `lag_seconds_bucket{le="+Inf"} ${count}`,
        `lag_seconds_sum ${count}`,
        `lag_seconds_count ${count} 1700000000000`,
        "# TYPE other_count gauge",
        `other_count{service="own",} ${count}`,
        "no sample",
        "",
      ].join("\n");
    told.merge(text(1), { service: "power" });
    told.merge(text(2), { service: "console" });
    const lines = told.text().split("\n");
    expect(lines.filter((line) => line.startsWith("#"))).toEqual([
      "# HELP lag_seconds How late.",
      "# TYPE lag_seconds histogram",
      "# TYPE other_count gauge",
    ]);
    expect(lines.indexOf("# TYPE other_count gauge")).toBe(10);
    expect(lines).toContain('lag_seconds_bucket{service="console",le="+Inf"} 2');
    expect(lines).toContain('lag_seconds_count{service="power"} 1 1700000000000');
    expect(lines).toContain('other_count{service="own"} 1');
    expect(lines).not.toContain("no sample");
  });
});
