import { defineDriver } from "@outrider/ports/driver";
import { NoOptions } from "../../no-options.js";

export const driver = defineDriver({
  port: "console",
  driver: "hangs",
  summary: "Is never open, and does not heed whoever gives it up.",
  actions: [],
  options: NoOptions,
  example: { options: {} },
  open: () => new Promise(() => {}),
});
