import { defineDriver } from "@outrider/ports/driver";
import { SlotDevice } from "@outrider/transports/slots";
import { SimulatedSlotOptions, simulatedSlot } from "../simulated-slot.js";

export const driver = defineDriver({
  port: "reset",
  driver: "simulated",
  summary: "The reset line of a slot of a simulated rack: for demonstrations and tests.",
  actions: ["ForceRestart"],
  options: SimulatedSlotOptions,
  exclusive: ["url", "socket", "slot"],
  example: { options: { url: "http://127.0.0.1:8070", slot: 1 } },
  open: async (options, { clock }) => {
    const device = new SlotDevice({ ...simulatedSlot(options, "reset/simulated"), clock });
    return {
      reset: (signal) => device.act("reset", signal),
      [Symbol.asyncDispose]: async () => device[Symbol.dispose](),
    };
  },
});
