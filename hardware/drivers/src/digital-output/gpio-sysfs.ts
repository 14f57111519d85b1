import type { DigitalOutputPort } from "@outrider/ports/digital-output-port";
import { defineDriver } from "@outrider/ports/driver";
import { SysfsLine } from "@outrider/transports/gpio-sysfs";
import { GpioSysfsOutputOptions } from "../gpio-sysfs-options.js";

export const driver = defineDriver({
  port: "digital-output",
  driver: "gpio-sysfs",
  summary:
    "A GPIO line of the agent's host by sysfs, for kernels that offer nothing else; needs the package onoff, and says how to install it where it is missing.",
  actions: [],
  options: GpioSysfsOutputOptions,
  exclusive: ["chip", "line"],
  example: { options: { chip: "pinctrl-bcm2835", line: 17, activeLow: true } },
  proof:
    "gpio-amdpt of Linux 6.1 in a QEMU 7.2 guest by onoff 6.0.3, its registers seen from outside",
  open: async (options, { clock, signal }): Promise<DigitalOutputPort> => {
    const { activeLow, initial } = options;
    const line = await SysfsLine.open(
      options,
      {
        direction: "output",
        activeLow,
        ...(initial === undefined ? {} : { active: initial === "active" }),
      },
      clock,
      signal,
    );
    return {
      evidence: "ReadBack",
      read: (within) => line.read(within),
      set: (active, within) => line.set(active, within),
      [Symbol.asyncDispose]: () => line[Symbol.asyncDispose](),
    };
  },
});
