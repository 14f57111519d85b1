import { describe, expect, it } from "vitest";
import { DEFAULT_ALARMS, type AlarmRule } from "./telemetry-policy.js";

describe("alarms that come with the product", () => {
  it("judge a temperature by what its driver measures: a disk dies of what a processor takes", () => {
    const rules = Object.entries<AlarmRule>(DEFAULT_ALARMS).filter(
      ([, { quantity }]) => quantity === "temperatureCelsius",
    );
    const of = (driver: string) =>
      rules.filter(([, { drivers }]) => drivers?.includes(driver)).map(([name]) => name);
    expect(of("thermal")).toEqual(["soc-temperature"]);
    expect(of("reporter-thermal")).toEqual(["soc-temperature"]);
    expect(of("reporter")).toEqual(["disk-temperature"]);
  });
});
