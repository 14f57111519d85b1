import { defineDriver } from "@outrider/ports/driver";
import { PortError } from "@outrider/ports/port-error";
import { NoOptions } from "../../no-options.js";

export const driver = defineDriver({
  port: "reset",
  driver: "whole",
  summary: "Can be described beside one that cannot.",
  actions: ["ForceRestart"],
  options: NoOptions,
  example: { options: {} },
  open: () => Promise.reject(new PortError("unsupported", "It is only there to be described.")),
});
