import { describe } from "vitest";
import { GUEST_CHIP, joinDeviceGuest, lacksDeviceGuest } from "../testing/device-guest-rig.js";
import { describeIdentifyPort } from "../testing/identify-conformance.js";

const skip = await lacksDeviceGuest("a lamp at a GPIO line");
const LINE = 20;

describe.skipIf(skip)("on Linux", () => {
  describeIdentifyPort("output", async () => {
    const guest = await joinDeviceGuest();
    return {
      open: () =>
        guest.open("identify", {
          driver: "output",
          options: {},
          needs: { output: { driver: "gpio", options: { chip: GUEST_CHIP, line: LINE } } },
        }),
      shines: async () => guest.gpio.output(LINE),
      light: async (on) => guest.gpio.setOutput(LINE, on),
      [Symbol.asyncDispose]: () => guest[Symbol.asyncDispose](),
    };
  });
});
