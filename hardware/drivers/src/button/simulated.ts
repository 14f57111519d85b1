import { defineDriver } from "@outrider/ports/driver";
import { SlotDevice } from "@outrider/transports/slots";
import { SimulatedSlotOptions, simulatedSlot } from "../simulated-slot.js";

export const driver = defineDriver({
  port: "button",
  driver: "simulated",
  summary: "The power button of a slot of a simulated rack: for demonstrations and tests.",
  actions: ["PushPowerButton"],
  options: SimulatedSlotOptions,
  exclusive: ["url", "socket", "slot"],
  example: { options: { url: "http://127.0.0.1:8070", slot: 1 } },
  open: async (options, { clock }) => {
    const device = new SlotDevice({ ...simulatedSlot(options, "button/simulated"), clock });
    return {
      press: (signal) => device.act("button", signal),
      [Symbol.asyncDispose]: async () => device[Symbol.dispose](),
    };
  },
});
