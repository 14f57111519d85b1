import { describe } from "vitest";
import { lacksDeviceGuest } from "../testing/device-guest-rig.js";
import { describeDigitalInputPort } from "../testing/digital-input-conformance.js";
import { expanderInputRig } from "../testing/expander-rig.js";

const skip = await lacksDeviceGuest("inputs of a MCP23017 on i2c-dev");

describe.skipIf(skip)("on Linux", () => {
  describeDigitalInputPort("mcp23017", () =>
    expanderInputRig({
      driver: "mcp23017",
      address: 0x21,
      registers: { levels: 0x12, outputs: 0x14, directions: 0 },
    }),
  );
});
