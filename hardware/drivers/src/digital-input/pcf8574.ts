import { defineDriver } from "@outrider/ports/driver";
import { ExpanderLineOptions, openExpanderInput, expanderResource } from "../expander.js";
import { PCF8574 } from "../expander-parts.js";

export const driver = defineDriver({
  port: "digital-input",
  driver: "pcf8574",
  summary: "A line of a PCF8574 expander on I²C that somebody else pulls low.",
  actions: [],
  options: ExpanderLineOptions,
  exclusive: ["bus", "address", "line"],
  exclusiveDefaults: { address: PCF8574.address },
  resource: expanderResource(PCF8574),
  example: { options: { bus: "i2c-1", address: 0x38, line: 7, activeLow: true } },
  open: (options, context) => openExpanderInput(PCF8574, options, context),
});
