import { QUANTITIES } from "@outrider/contracts/reading";
import { describe, expect, it } from "vitest";
import { METRICS } from "./prometheus-names.js";

describe("metrics of quantities", () => {
  it("are one for each quantity, under names that Prometheus takes", () => {
    const names = Object.values(METRICS).map(({ name }) => name);
    expect(names).toHaveLength(Object.keys(QUANTITIES).length);
    expect(names).toEqual([...new Set(names)]);
    for (const name of names) expect(name).toMatch(/^outrider_node_[a-z0-9]+(_[a-z0-9]+)*$/);
    for (const { name, type } of Object.values(METRICS)) {
      expect(name.endsWith("_total")).toBe(type === "counter");
    }
  });

  it.each([
    ["voltageVolts", "outrider_node_voltage_volts", 1],
    ["energyWattHours", "outrider_node_energy_joules_total", 3600],
    ["relativeHumidityPercent", "outrider_node_relative_humidity_ratio", 0.01],
    ["linkMegabitsPerSecond", "outrider_node_link_speed_bytes_per_second", 125_000],
    ["fanRevolutionsPerMinute", "outrider_node_fan_speed_rpm", 1],
    ["underVoltage", "outrider_node_under_voltage", 1],
  ] as const)("%s is %s", (quantity, name, factor) => {
    expect(METRICS[quantity]).toMatchObject({ name, factor });
  });
});
