import { defineDriver } from "@outrider/ports/driver";
import type { DigitalOutputPort } from "@outrider/ports/digital-output-port";
import { GpioLine } from "@outrider/transports/gpio-chip";
import { gpioAddress, gpioConsumer, GpioOutputOptions } from "../gpio-options.js";

export const driver = defineDriver({
  port: "digital-output",
  driver: "gpio",
  summary:
    "A GPIO line of the agent's host by the kernel's character device; it keeps its level when it is taken.",
  actions: [],
  options: GpioOutputOptions,
  exclusive: ["chip", "line", "name"],
  example: { options: { chip: "pinctrl-rp1", line: 17, activeLow: true } },
  proof: "gpio-amdpt of Linux 6.1 in a QEMU 7.2 guest, its registers seen from outside",
  open: async (options, { clock, signal }): Promise<DigitalOutputPort> => {
    const { activeLow, bias, drive, initial } = options;
    const line = await GpioLine.open(
      gpioAddress(options),
      {
        direction: "output",
        activeLow,
        bias,
        drive,
        ...(initial === undefined ? {} : { active: initial === "active" }),
      },
      gpioConsumer(),
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
