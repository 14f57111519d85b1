import { defineDriver } from "@outrider/ports/driver";
import { ModelConsole } from "../../../console/testing/model-console.js";
import { NoOptions } from "../../no-options.js";

export const driver = defineDriver({
  port: "console",
  driver: "stuck",
  summary: "Takes everything and ends nothing, not even itself.",
  actions: ["GracefulShutdown"],
  options: NoOptions,
  example: { options: {} },
  open: async () => {
    const port = new ModelConsole();
    port.silent = true;
    port[Symbol.asyncDispose] = () => new Promise(() => {});
    return port;
  },
});
