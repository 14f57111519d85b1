import { describe } from "vitest";
import { lacksDeviceGuest } from "../testing/device-guest-rig.js";
import { describeSensorPort } from "../testing/sensor-conformance.js";
import { stubSensorRig } from "../testing/stub-sensor-rig.js";

const skip = await lacksDeviceGuest("emc230x on i2c-dev");

describe.skipIf(skip)("on Linux", () => {
  describeSensorPort("emc230x", () =>
    stubSensorRig({
      driver: "emc230x",
      address: 0x2f,
      always: { bytes: { 0xfd: 0x37, 0xfe: 0x5d } },
      measurements: [
        {
          bytes: { 0x30: 255, 0x3e: 0x20, 0x3f: 0 },
          sample: { fanRevolutionsPerMinute: 7680, fanDutyPercent: 100 },
        },
        {
          bytes: { 0x30: 51, 0x3e: 0xff, 0x3f: 0xf8 },
          sample: { fanRevolutionsPerMinute: 0, fanDutyPercent: 20 },
        },
      ],
    }),
  );
});
