import { describe } from "vitest";
import { lacksDeviceGuest } from "../testing/device-guest-rig.js";
import { describeSensorPort } from "../testing/sensor-conformance.js";
import { stubSensorRig } from "../testing/stub-sensor-rig.js";

const skip = await lacksDeviceGuest("ads1115 on i2c-dev");

describe.skipIf(skip)("on Linux", () => {
  describeSensorPort("ads1115", () =>
    stubSensorRig({
      driver: "ads1115",
      address: 0x4a,
      options: { input: "ain1", fullScaleVolts: 4.096, dividedBy: 11 },
      measurements: [
        { words: { 0: 8000 }, sample: { voltageVolts: 11 } },
        { words: { 0: 16_000 }, sample: { voltageVolts: 22 } },
        { words: { 0: 0x7fff }, sample: { voltageVolts: "NoReading" } },
      ],
    }),
  );
});
