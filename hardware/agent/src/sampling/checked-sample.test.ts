import { QUANTITIES, type Quantity, type Sample } from "@outrider/contracts/reading";
import { PORT_ERROR_CODES, PortError } from "@outrider/ports/port-error";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { checkedSample, failedSample } from "./checked-sample.js";

const quantities = Object.keys(QUANTITIES) as Quantity[];

describe("a sample", () => {
  it("is told as it is", () => {
    const sample = { voltageVolts: 5.1, temperatureCelsius: "TimedOut" } as const;
    expect(checkedSample(["voltageVolts", "temperatureCelsius"], sample)).toEqual({
      values: { voltageVolts: 5.1 },
      absent: { temperatureCelsius: "TimedOut" },
    });
  });

  it("has no value where the sensor says what cannot be, and says so", () => {
    const said = checkedSample(["temperatureCelsius"], { temperatureCelsius: 850 });
    expect(said.values).toBeUndefined();
    expect(said.absent).toEqual({ temperatureCelsius: "NoReading" });
    expect(said.problem).toBe(
      "temperatureCelsius was 850 °C, which is outside -60 to 200; look at the sensor.",
    );
  });

  it("has every quantity once, as a number within its range or as an absence, whatever was measured", () => {
    const value = fc.oneof(
      fc.double(),
      fc.constantFrom("NotPresent", "DeviceOff", undefined),
    ) as fc.Arbitrary<Sample[Quantity]>;
    const samples = fc.dictionary(fc.constantFrom(...quantities), value);
    fc.assert(
      fc.property(fc.subarray(quantities), samples, (declared, sample) => {
        const { values = {}, absent = {} } = checkedSample(declared, sample);
        const told = [...Object.keys(values), ...Object.keys(absent)];
        expect(new Set(told).size).toBe(told.length);
        for (const quantity of declared) expect(told).toContain(quantity);
        for (const [quantity, number] of Object.entries(values)) {
          const { min, max } = QUANTITIES[quantity as Quantity];
          expect(number >= min && number <= max).toBe(true);
        }
      }),
    );
  });

  it("says of a device that failed why there is nothing, and never a number", () => {
    const absences = PORT_ERROR_CODES.map((code) => {
      const said = failedSample(["powerWatts"], new PortError(code, "It failed."));
      expect(said).toMatchObject({ problem: "It failed." });
      expect(said.values).toBeUndefined();
      return `${code}: ${said.absent?.powerWatts}`;
    });
    expect(absences).toEqual([
      "refused: NoReading",
      "unreachable: NotPresent",
      "timed-out: TimedOut",
      "unsupported: NoReading",
      "invalid-options: NoReading",
      "protocol: NoReading",
    ]);
  });
});
