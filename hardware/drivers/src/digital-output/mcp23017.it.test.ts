import { describe } from "vitest";
import { lacksDeviceGuest } from "../testing/device-guest-rig.js";
import { describeDigitalOutputPort } from "../testing/digital-output-conformance.js";
import { expanderOutputRig } from "../testing/expander-rig.js";

const skip = await lacksDeviceGuest("outputs of a MCP23017 on i2c-dev");

describe.skipIf(skip)("on Linux", () => {
  describeDigitalOutputPort("mcp23017", () =>
    expanderOutputRig({
      driver: "mcp23017",
      address: 0x21,
      registers: { levels: 0x12, outputs: 0x14, directions: 0 },
    }),
  );
});
