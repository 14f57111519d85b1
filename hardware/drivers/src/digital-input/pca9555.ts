import { defineDriver } from "@outrider/ports/driver";
import { ExpanderLineOptions, openExpanderInput, expanderResource } from "../expander.js";
import { PCA9555 } from "../expander-parts.js";

export const driver = defineDriver({
  port: "digital-input",
  driver: "pca9555",
  summary: "A line of a PCA9555, TCA9555 or TCA9535 expander on I²C that somebody else drives.",
  actions: [],
  options: ExpanderLineOptions,
  exclusive: ["bus", "address", "line"],
  exclusiveDefaults: { address: PCA9555.address },
  resource: expanderResource(PCA9555),
  example: { options: { bus: "i2c-1", address: 0x20, line: 0 } },
  proof: "i2c-stub of Linux 6.1 in a QEMU 7.2 guest, its registers by i2cget of busybox",
  open: (options, context) => openExpanderInput(PCA9555, options, context),
});
