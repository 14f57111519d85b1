import { HEALTH, LIVENESS, MANAGEMENT } from "@outrider/contracts/node";
import { HOST_VALUES, SUPPLY_VALUES } from "@outrider/contracts/power";
import { ABSENCES, QUANTITIES } from "@outrider/contracts/reading";
import { DEFAULT_ALARMS } from "@outrider/contracts/telemetry-policy";
import {
  MEASUREMENTS,
  type FieldMeaning,
  type Measurement,
} from "@outrider/contracts/measurements";
import * as units from "@grafana/grafana-foundation-sdk/units";
import { describe, expect, it } from "vitest";
import { codeOf, flagWords, FLAGS, GOOD_FLAGS, lookOf, WORD_COLORS } from "./looks.js";
import { grafanaUnit } from "./units.js";

/** Flags that should not be set. */
const BAD_FLAGS = [
  "underVoltage",
  "underVoltageOccurred",
  "throttled",
  "throttledOccurred",
  "frequencyCapped",
  "softTemperatureLimit",
];

describe("how numbers look", () => {
  const known = new Set<unknown>(Object.values(units));

  it.each(Object.entries(QUANTITIES))("%s has a unit that Grafana knows", (_, quantity) => {
    expect(known).toContain(grafanaUnit(quantity));
  });

  it("says the units that people read", () => {
    const unitOf = (quantity: keyof typeof QUANTITIES): string =>
      lookOf("node_sensor", quantity).unit;
    expect(unitOf("voltageVolts")).toBe("volt");
    expect(unitOf("currentAmperes")).toBe("amp");
    expect(unitOf("powerWatts")).toBe("watt");
    expect(unitOf("energyWattHours")).toBe("watth");
    expect(unitOf("temperatureCelsius")).toBe("celsius");
    expect(unitOf("fanRevolutionsPerMinute")).toBe("rotrpm");
    expect(unitOf("relativeHumidityPercent")).toBe("percent");
  });

  it("knows a look of every field, and a colour of every word", () => {
    for (const [measurement, { fields }] of Object.entries(MEASUREMENTS)) {
      for (const [field, meaning] of Object.entries<FieldMeaning>(fields)) {
        const look = lookOf(measurement as Measurement, field);
        expect(known).toContain(look.unit);
        for (const word of Object.values(meaning.codes ?? {}))
          expect(WORD_COLORS, word).toHaveProperty(word);
      }
    }
  });

  it("refuses a unit without Grafana's name", () => {
    expect(() => grafanaUnit({ unit: "furlong" })).toThrow(
      'add Grafana\'s name of the unit "furlong"',
    );
  });

  it("stores words by their place in the lists of the contracts", () => {
    const lists = {
      supply: SUPPLY_VALUES,
      host: HOST_VALUES,
      management: MANAGEMENT,
      liveness: LIVENESS,
      health: HEALTH,
    };
    for (const [field, list] of Object.entries(lists))
      for (const [index, word] of list.entries())
        expect(codeOf("node_state", field, word)).toBe(index);
    for (const [index, word] of ABSENCES.entries())
      expect(codeOf("node_absence", "reason", word)).toBe(index + 1);
    expect(codeOf("node_alarm", "severity", "Critical")).toBe(2);
  });

  it("knows of every flag whether it should be set", () => {
    expect(
      [...BAD_FLAGS, ...[...GOOD_FLAGS].filter((flag) => FLAGS.includes(flag))].toSorted(),
    ).toEqual(FLAGS.toSorted());
    expect(flagWords("underVoltage")[1]?.color).toBe("red");
    expect(flagWords("linkUp")[1]?.color).toBe("green");
  });

  it("takes the limits of temperatures from the alarms that come with the product", () => {
    const { warning, critical } = DEFAULT_ALARMS["soc-temperature"].upper;
    expect(lookOf("node_sensor", "temperatureCelsius").steps).toEqual([
      { color: "green" },
      { from: warning, color: "orange" },
      { from: critical, color: "red" },
    ]);
    expect(lookOf("node_sensor", "voltageVolts").steps).toBeUndefined();
  });
});
