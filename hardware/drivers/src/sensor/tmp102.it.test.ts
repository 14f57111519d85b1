import { describe } from "vitest";
import { lacksDeviceGuest } from "../testing/device-guest-rig.js";
import { describeSensorPort } from "../testing/sensor-conformance.js";
import { stubSensorRig } from "../testing/stub-sensor-rig.js";

const skip = await lacksDeviceGuest("tmp102 on i2c-dev");

describe.skipIf(skip)("on Linux", () => {
  describeSensorPort("tmp102", () =>
    stubSensorRig({
      driver: "tmp102",
      address: 0x48,
      measurements: [
        { words: { 1: 0x60a0, 0: 0x3080 }, sample: { temperatureCelsius: 48.5 } },
        { words: { 0: 0xe700 }, sample: { temperatureCelsius: -25 } },
        { words: { 1: 0x60b0, 0: 0x4b00 }, sample: { temperatureCelsius: 150 } },
      ],
    }),
  );
});
