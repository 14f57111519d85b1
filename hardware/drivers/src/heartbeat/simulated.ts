import { defineDriver } from "@outrider/ports/driver";
import { SlotDevice } from "@outrider/transports/slots";
import { SimulatedSlotOptions, simulatedSlot } from "../simulated-slot.js";

export const driver = defineDriver({
  port: "heartbeat",
  driver: "simulated",
  summary:
    "A sign of life of the host in a slot of a simulated rack: for demonstrations and tests.",
  actions: [],
  options: SimulatedSlotOptions,
  example: { options: { url: "http://127.0.0.1:8070", slot: 1 } },
  open: async (options, { clock }) => {
    const device = new SlotDevice({ ...simulatedSlot(options, "heartbeat/simulated"), clock });
    return {
      proves: "activity",
      read: async (signal) => {
        const { host } = await device.get(signal);
        return { alive: host === "running", detail: `The rack says that the host is ${host}.` };
      },
      [Symbol.asyncDispose]: async () => device[Symbol.dispose](),
    };
  },
});
