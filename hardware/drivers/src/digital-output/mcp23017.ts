import { defineDriver } from "@outrider/ports/driver";
import { ExpanderLineOptions, openExpanderOutput, expanderResource } from "../expander.js";
import { MCP23017 } from "../expander-parts.js";

export const driver = defineDriver({
  port: "digital-output",
  driver: "mcp23017",
  summary: "A line of an MCP23017 expander on I²C; it keeps its level when the agent dies.",
  actions: [],
  options: ExpanderLineOptions,
  exclusive: ["bus", "address", "line"],
  exclusiveDefaults: { address: MCP23017.address },
  resource: expanderResource(MCP23017),
  example: { options: { bus: "i2c-1", address: 0x21, line: 0 } },
  proof: "i2c-stub of Linux 6.1 in a QEMU 7.2 guest, its registers by i2cget of busybox",
  open: (options, context) => openExpanderOutput(MCP23017, options, context),
});
