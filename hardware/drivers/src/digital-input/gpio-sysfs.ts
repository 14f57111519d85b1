import type { DigitalInputPort } from "@outrider/ports/digital-input-port";
import { defineDriver } from "@outrider/ports/driver";
import { SysfsLine } from "@outrider/transports/gpio-sysfs";
import { GpioSysfsLineOptions } from "../gpio-sysfs-options.js";

export const driver = defineDriver({
  port: "digital-input",
  driver: "gpio-sysfs",
  summary:
    "A GPIO line of the agent's host that somebody else drives, by sysfs, for kernels that offer nothing else; needs the package onoff, and says how to install it where it is missing.",
  actions: [],
  options: GpioSysfsLineOptions,
  exclusive: ["chip", "line"],
  example: { options: { chip: "pinctrl-bcm2835", line: 27, activeLow: true } },
  proof:
    "gpio-amdpt of Linux 6.1 in a QEMU 7.2 guest by onoff 6.0.3, its registers driven from outside",
  open: async (options, { clock, signal }): Promise<DigitalInputPort> => {
    const { activeLow } = options;
    const config = { direction: "input", activeLow } as const;
    const line = await SysfsLine.open(options, config, clock, signal);
    return {
      read: (within) => line.read(within),
      [Symbol.asyncDispose]: () => line[Symbol.asyncDispose](),
    };
  },
});
