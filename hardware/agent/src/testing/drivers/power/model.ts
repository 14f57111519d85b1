import { defineDriver } from "@outrider/ports/driver";
import { ModelDevice } from "../../model-device.js";
import { NoOptions } from "../../no-options.js";

export const driver = defineDriver({
  port: "power",
  driver: "model",
  summary: "A supply in memory.",
  actions: ["On", "ForceOff", "PowerCycle"],
  options: NoOptions,
  example: { options: {} },
  open: async () => new ModelDevice(),
});
