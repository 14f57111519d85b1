import { defineDriver } from "@outrider/ports/driver";
import { openPulsed, PulseOptions } from "../output-pulse.js";

/** Boards ask for 100 ms at least. */
const PULSE_MS = 200;

export const driver = defineDriver({
  port: "reset",
  driver: "output-pulse",
  summary:
    "A reset line, such as RUN_PG or a board's reset header, that an output of any mechanism pulls; 200 ms by default.",
  actions: ["ForceRestart"],
  options: PulseOptions,
  needs: { output: { port: "digital-output", summary: "pulls the reset line while it is active" } },
  example: {
    options: { pulseMs: 200 },
    needs: {
      output: {
        driver: "gpio",
        options: { chip: "pinctrl-rp1", line: 22, activeLow: true, drive: "open-drain" },
      },
    },
  },
  proof: "gpio-amdpt of Linux 6.1 in a QEMU 7.2 guest, its registers seen from outside",
  open: async ({ pulseMs = PULSE_MS }, context, { output }) => {
    const line = await openPulsed(output, pulseMs, context);
    return { reset: (signal) => line.pulse(signal), [Symbol.asyncDispose]: async () => {} };
  },
});
