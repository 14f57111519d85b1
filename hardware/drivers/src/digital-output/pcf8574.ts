import { defineDriver } from "@outrider/ports/driver";
import { ExpanderLineOptions, openExpanderOutput, expanderResource } from "../expander.js";
import { PCF8574 } from "../expander-parts.js";

export const driver = defineDriver({
  port: "digital-output",
  driver: "pcf8574",
  summary: "A line of a PCF8574 expander on I²C, which drives low only and pulls high weakly.",
  actions: [],
  options: ExpanderLineOptions,
  exclusive: ["bus", "address", "line"],
  exclusiveDefaults: { address: PCF8574.address },
  resource: expanderResource(PCF8574),
  example: { options: { bus: "i2c-1", address: 0x38, line: 0, activeLow: true } },
  open: (options, context) => openExpanderOutput(PCF8574, options, context),
});
