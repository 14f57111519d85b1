import { describe } from "vitest";
import { lacksDeviceGuest } from "../testing/device-guest-rig.js";
import { describeDigitalOutputPort } from "../testing/digital-output-conformance.js";
import { expanderOutputRig } from "../testing/expander-rig.js";

const skip = await lacksDeviceGuest("outputs of a PCA9555 on i2c-dev");

describe.skipIf(skip)("on Linux", () => {
  describeDigitalOutputPort("pca9555", () =>
    expanderOutputRig({
      driver: "pca9555",
      address: 0x20,
      registers: { levels: 0, outputs: 2, directions: 6 },
    }),
  );
});
