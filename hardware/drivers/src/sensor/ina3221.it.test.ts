import { describe } from "vitest";
import { lacksDeviceGuest } from "../testing/device-guest-rig.js";
import { describeSensorPort } from "../testing/sensor-conformance.js";
import { stubSensorRig } from "../testing/stub-sensor-rig.js";

const skip = await lacksDeviceGuest("ina3221 on i2c-dev");

describe.skipIf(skip)("on Linux", () => {
  describeSensorPort("ina3221", () =>
    stubSensorRig({
      driver: "ina3221",
      address: 0x42,
      options: { channel: 2, shuntMilliohms: 100 },
      always: { words: { 0: 0x7127, 0xfe: 0x5449, 0xff: 0x3220 } },
      measurements: [
        {
          words: { 0: 0x7127, 3: 200 << 3, 4: 637 << 3 },
          sample: { voltageVolts: 5.096, shuntVoltageVolts: 0.008, currentAmperes: 0.08 },
        },
        {
          words: { 3: 0x10000 - (200 << 3), 4: 1500 << 3 },
          sample: { voltageVolts: 12, shuntVoltageVolts: -0.008, currentAmperes: -0.08 },
        },
        // Its channel is switched off.
        { words: { 0: 0x5127 }, sample: { voltageVolts: "NoReading", powerWatts: "NoReading" } },
      ],
    }),
  );
});
