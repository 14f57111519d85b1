import { describe } from "vitest";
import { GUEST_CHIP, joinDeviceGuest, lacksDeviceGuest } from "../testing/device-guest-rig.js";
import { describeDigitalInputPort } from "../testing/digital-input-conformance.js";

const skip = await lacksDeviceGuest("inputs of a GPIO chip");

describe.skipIf(skip)("on Linux", () => {
  const line = 10;
  const declared = { driver: "gpio", options: { chip: GUEST_CHIP, line, activeLow: true } };
  describeDigitalInputPort("gpio", async () => {
    const guest = await joinDeviceGuest();
    return {
      open: () => guest.open("digital-input", declared),
      openSecond: () => guest.open("digital-input", declared, "second"),
      drive: async (active) => guest.gpio.drive(line, !active),
      [Symbol.asyncDispose]: () => guest[Symbol.asyncDispose](),
    };
  });
});
