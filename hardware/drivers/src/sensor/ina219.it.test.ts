import { describe } from "vitest";
import { lacksDeviceGuest } from "../testing/device-guest-rig.js";
import { describeSensorPort } from "../testing/sensor-conformance.js";
import { stubSensorRig } from "../testing/stub-sensor-rig.js";

const skip = await lacksDeviceGuest("ina219 on i2c-dev");

describe.skipIf(skip)("on Linux", () => {
  describeSensorPort("ina219", () =>
    stubSensorRig({
      driver: "ina219",
      address: 0x40,
      options: { shuntMilliohms: 100 },
      always: { words: { 0: 0x399f } },
      measurements: [
        // 5.1 V; 8 mV over 0.1 Ω. With the bit that a conversion has ended.
        {
          words: { 1: 800, 2: (1275 << 3) | 2 },
          sample: {
            voltageVolts: 5.1,
            shuntVoltageVolts: 0.008,
            currentAmperes: 0.08,
            powerWatts: 0.408,
          },
        },
        {
          words: { 1: 0x10000 - 800, 2: 3000 << 3 },
          sample: {
            voltageVolts: 12,
            shuntVoltageVolts: -0.008,
            currentAmperes: -0.08,
            powerWatts: -0.96,
          },
        },
        // Powered down by somebody: what stands in the registers is old.
        {
          words: { 0: 0x3998 },
          sample: { voltageVolts: "NoReading", currentAmperes: "NoReading" },
        },
      ],
    }),
  );
});
