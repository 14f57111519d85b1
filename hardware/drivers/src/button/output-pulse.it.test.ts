import { describe } from "vitest";
import { describeButtonPort } from "../testing/button-conformance.js";
import { lacksDeviceGuest } from "../testing/device-guest-rig.js";
import { pulseRig } from "../testing/pulse-rig.js";

const skip = await lacksDeviceGuest("a button at a GPIO line");

describe.skipIf(skip)("on Linux", () => {
  describeButtonPort("output-pulse", async () => {
    const rig = await pulseRig("output-pulse", 19);
    return {
      can: ["press"],
      open: () => rig.guest.open("button", rig.declared),
      asked: async () => rig.pulses(),
      held: async () => rig.active(),
      [Symbol.asyncDispose]: () => rig[Symbol.asyncDispose](),
    };
  });
});
