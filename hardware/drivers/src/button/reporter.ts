import { defineDriver } from "@outrider/ports/driver";
import { openReporter, REPORTER_EXAMPLE, ReporterOptions } from "../reporter-options.js";

export const driver = defineDriver({
  port: "button",
  driver: "reporter",
  summary:
    "Tells the reporter on the host to shut it down: signed, for the boot that runs now, and once.",
  actions: ["GracefulShutdown"],
  options: ReporterOptions,
  example: { options: REPORTER_EXAMPLE },
  open: async (options, context) => {
    const reporter = await openReporter(options, context);
    return {
      shutDown: (signal) => reporter.shutDown(signal),
      [Symbol.asyncDispose]: async () => reporter[Symbol.dispose](),
    };
  },
});
