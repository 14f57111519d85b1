import type { Quantity } from "@outrider/contracts/reading";
import { defineDriver } from "@outrider/ports/driver";
import { WAIT_MS } from "../host-options.js";
import { openReporter, REPORTER_EXAMPLE, ReporterOptions } from "../reporter-options.js";
import { within } from "../sample.js";

export class ReporterThermalOptions extends ReporterOptions {}

const QUANTITIES = ["temperatureCelsius"] as const satisfies readonly Quantity[];

/** A driver of its own, because alarms tell a processor from a disk by it. */
export const driver = defineDriver({
  port: "sensor",
  driver: "reporter-thermal",
  summary:
    "The reporter on the host says, signed, how hot its processor is, or the SoC that it is in.",
  actions: [],
  options: ReporterThermalOptions,
  example: { options: REPORTER_EXAMPLE },
  open: async (options, context) => {
    const { waitMs = WAIT_MS } = options;
    const reporter = await openReporter(options, context);
    return {
      quantities: QUANTITIES,
      read: async (signal) => {
        const { temperatureCelsius = "NoReading" } = await reporter.readings(waitMs, signal);
        return within({ temperatureCelsius });
      },
      [Symbol.asyncDispose]: async () => reporter[Symbol.dispose](),
    };
  },
});
