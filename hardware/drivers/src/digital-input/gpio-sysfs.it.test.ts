import { describe } from "vitest";
import { lacksDeviceGuest } from "../testing/device-guest-rig.js";
import { describeDigitalInputPort } from "../testing/digital-input-conformance.js";
import { gpioSysfsGuest } from "../testing/gpio-sysfs-rig.js";
import { lacksNativePackages } from "../testing/native-packages.js";

const skip =
  (await lacksDeviceGuest("inputs of sysfs")) || (await lacksNativePackages("inputs by onoff"));

describe.skipIf(skip)("on Linux", () => {
  const line = 17;
  describeDigitalInputPort("gpio-sysfs", async () => {
    const rig = await gpioSysfsGuest([line]);
    await rig.guest.lock("second");
    const options = { line, activeLow: true };
    return {
      open: () => rig.open("digital-input", options),
      openSecond: () => rig.open("digital-input", options, "second"),
      drive: async (active) => rig.guest.gpio.drive(line, !active),
      [Symbol.asyncDispose]: () => rig[Symbol.asyncDispose](),
    };
  });
});
