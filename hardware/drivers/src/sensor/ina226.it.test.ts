import { describe } from "vitest";
import { lacksDeviceGuest } from "../testing/device-guest-rig.js";
import { describeSensorPort } from "../testing/sensor-conformance.js";
import { stubSensorRig } from "../testing/stub-sensor-rig.js";

const skip = await lacksDeviceGuest("ina226 on i2c-dev");

describe.skipIf(skip)("on Linux", () => {
  describeSensorPort("ina226", () =>
    stubSensorRig({
      driver: "ina226",
      address: 0x41,
      options: { shuntMilliohms: 10 },
      always: { words: { 0: 0x4127, 0xfe: 0x5449, 0xff: 0x2260 } },
      measurements: [
        {
          words: { 1: 3200, 2: 4080 },
          sample: {
            voltageVolts: 5.1,
            shuntVoltageVolts: 0.008,
            currentAmperes: 0.8,
            powerWatts: 4.08,
          },
        },
        {
          words: { 1: 0xffff, 2: 9600 },
          sample: {
            voltageVolts: 12,
            shuntVoltageVolts: -2.5e-6,
            currentAmperes: -0.00025,
            powerWatts: -0.003,
          },
        },
      ],
    }),
  );
});
