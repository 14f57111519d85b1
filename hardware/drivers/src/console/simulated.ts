import { defineDriver } from "@outrider/ports/driver";
import { SimulatedSlotOptions, simulatedSlot } from "../simulated-slot.js";
import { slotConsole } from "../slot-console-port.js";

export const driver = defineDriver({
  port: "console",
  driver: "simulated",
  summary: "The console of a slot of a simulated rack: for demonstrations and tests, no hardware.",
  actions: ["GracefulShutdown"],
  options: SimulatedSlotOptions,
  exclusive: ["url", "socket", "slot"],
  example: { options: { url: "http://127.0.0.1:8070", slot: 1 } },
  open: async (options, { clock }) =>
    slotConsole({ ...simulatedSlot(options, "console/simulated"), clock }),
});
