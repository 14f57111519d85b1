import { defineDriver } from "@outrider/ports/driver";
import { ModelConsole } from "../../../console/testing/model-console.js";
import { NoOptions } from "../../no-options.js";

export const driver = defineDriver({
  port: "console",
  driver: "throws",
  summary: "Has a defect that shows when it is started.",
  actions: [],
  options: NoOptions,
  example: { options: {} },
  open: async () => {
    const port = new ModelConsole();
    port.start = () => {
      throw new TypeError("a defect of the driver");
    };
    return port;
  },
});
