import { defineDriver } from "@outrider/ports/driver";
import { openPulsed, PulseOptions } from "../output-pulse.js";

/** A press; ATX takes one of four seconds for an order to cut the supply. */
const PULSE_MS = 300;

export const driver = defineDriver({
  port: "button",
  driver: "output-pulse",
  summary:
    "A power button that an output of any mechanism presses: a front panel header, or the line of a gpio-shutdown overlay; 300 ms by default.",
  actions: ["PushPowerButton"],
  options: PulseOptions,
  needs: { output: { port: "digital-output", summary: "presses the button while it is active" } },
  example: {
    options: { pulseMs: 300 },
    needs: { output: { driver: "mcp23017", options: { bus: "i2c-1", address: 0x21, line: 4 } } },
  },
  proof: "gpio-amdpt of Linux 6.1 in a QEMU 7.2 guest, its registers seen from outside",
  open: async ({ pulseMs = PULSE_MS }, context, { output }) => {
    const line = await openPulsed(output, pulseMs, context);
    return { press: (signal) => line.pulse(signal), [Symbol.asyncDispose]: async () => {} };
  },
});
