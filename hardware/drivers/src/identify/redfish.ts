import { defineDriver } from "@outrider/ports/driver";
import { PortError } from "@outrider/ports/port-error";
import { openRedfish, RedfishOptions } from "../redfish-system.js";

export const driver = defineDriver({
  port: "identify",
  driver: "redfish",
  summary: "The indicator lamp of a system behind a BMC that speaks Redfish.",
  actions: [],
  options: RedfishOptions,
  exclusive: ["url", "system"],
  network: "url",
  example: {
    options: {
      url: "https://10.0.0.21",
      username: "outrider",
      password: { file: "/etc/outrider/secrets/bmc" },
      system: "1",
    },
  },
  proof: "sushy-emulator 2.2.0",
  open: async (options, context) => {
    const system = await openRedfish(options, context);
    const none = (): PortError =>
      new PortError("unsupported", `${system.what} has no lamp. Remove the endpoint.`);
    return {
      read: async (signal) => {
        // The newer property first; the older says how it shines.
        const { LocationIndicatorActive: active, IndicatorLED: lamp } = await system.get(signal);
        if (typeof active === "boolean") return active;
        if (typeof lamp === "string" && lamp !== "Unknown") return lamp !== "Off";
        throw none();
      },
      set: async (on, signal) => {
        const { LocationIndicatorActive: active, IndicatorLED: lamp } = await system.get(signal);
        if (typeof active === "boolean") {
          await system.patch({ LocationIndicatorActive: on }, signal);
        } else if (typeof lamp === "string") {
          await system.patch({ IndicatorLED: on ? "Blinking" : "Off" }, signal);
        } else throw none();
      },
      [Symbol.asyncDispose]: () => system[Symbol.asyncDispose](),
    };
  },
});
