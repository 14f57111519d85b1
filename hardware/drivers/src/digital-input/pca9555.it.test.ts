import { describe } from "vitest";
import { lacksDeviceGuest } from "../testing/device-guest-rig.js";
import { describeDigitalInputPort } from "../testing/digital-input-conformance.js";
import { expanderInputRig } from "../testing/expander-rig.js";

const skip = await lacksDeviceGuest("inputs of a PCA9555 on i2c-dev");

describe.skipIf(skip)("on Linux", () => {
  describeDigitalInputPort("pca9555", () =>
    expanderInputRig({
      driver: "pca9555",
      address: 0x20,
      registers: { levels: 0, outputs: 2, directions: 6 },
    }),
  );
});
