import { defineDriver } from "@outrider/ports/driver";
import type { DigitalInputPort } from "@outrider/ports/digital-input-port";
import { GpioLine } from "@outrider/transports/gpio-chip";
import { gpioAddress, gpioConsumer, GpioLineOptions } from "../gpio-options.js";

export const driver = defineDriver({
  port: "digital-input",
  driver: "gpio",
  summary:
    "A GPIO line of the agent's host that somebody else drives, by the kernel's character device.",
  actions: [],
  options: GpioLineOptions,
  exclusive: ["chip", "line", "name"],
  example: { options: { chip: "pinctrl-rp1", line: 27, bias: "pull-up", activeLow: true } },
  proof: "gpio-amdpt of Linux 6.1 in a QEMU 7.2 guest, its registers driven from outside",
  open: async (options, { clock, signal }): Promise<DigitalInputPort> => {
    const { activeLow, bias } = options;
    const config = { direction: "input", activeLow, bias } as const;
    const line = await GpioLine.open(gpioAddress(options), config, gpioConsumer(), clock, signal);
    return {
      read: (within) => line.read(within),
      [Symbol.asyncDispose]: () => line[Symbol.asyncDispose](),
    };
  },
});
