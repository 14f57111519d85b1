import { describe } from "vitest";
import { lacksDeviceGuest } from "./testing/device-guest-rig.js";
import { describeI2cBackEnd } from "./testing/i2c-conformance.js";
import { lacksNativePackages } from "./testing/native-packages.js";

const lacksGuest = await lacksDeviceGuest("back ends of I²C");

describe.skipIf(lacksGuest)("on Linux", () => {
  describeI2cBackEnd("i2c-dev");
});

describe.skipIf(lacksGuest || (await lacksNativePackages("the back end i2c-bus")))(
  "on Linux, with a package that a person has built",
  () => {
    describeI2cBackEnd("i2c-bus");
  },
);
