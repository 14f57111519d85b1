import { describe } from "vitest";
import { lacksDeviceGuest } from "../testing/device-guest-rig.js";
import { describeSensorPort } from "../testing/sensor-conformance.js";
import { stubSensorRig } from "../testing/stub-sensor-rig.js";

const skip = await lacksDeviceGuest("ina260 on i2c-dev");

describe.skipIf(skip)("on Linux", () => {
  describeSensorPort("ina260", () =>
    stubSensorRig({
      driver: "ina260",
      address: 0x44,
      always: { words: { 0: 0x6127, 0xfe: 0x5449, 0xff: 0x2270 } },
      measurements: [
        {
          words: { 1: 800, 2: 4080, 3: 510 },
          sample: { currentAmperes: 1, voltageVolts: 5.1, powerWatts: 5.1 },
        },
        {
          words: { 1: 0xfce0, 2: 9600, 3: 1200 },
          sample: { currentAmperes: -1, voltageVolts: 12, powerWatts: 12 },
        },
      ],
    }),
  );
});
