import { describe } from "vitest";
import { lacksDeviceGuest } from "../testing/device-guest-rig.js";
import { describeSensorPort } from "../testing/sensor-conformance.js";
import { stubSensorRig } from "../testing/stub-sensor-rig.js";

const skip = await lacksDeviceGuest("lm75 on i2c-dev");

describe.skipIf(skip)("on Linux", () => {
  describeSensorPort("lm75", () =>
    stubSensorRig({
      driver: "lm75",
      address: 0x49,
      options: { bits: 11 },
      always: { bytes: { 1: 0 } },
      measurements: [
        { words: { 0: 0x3080 }, sample: { temperatureCelsius: 48.5 } },
        { words: { 0: 0xe700 }, sample: { temperatureCelsius: -25 } },
        // Outside of what can be: a wire is broken.
        { words: { 0: 0x8000 }, sample: { temperatureCelsius: "NoReading" } },
      ],
    }),
  );
});
