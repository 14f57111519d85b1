import { defineDriver } from "@outrider/ports/driver";
import { SlotDevice } from "@outrider/transports/slots";
import { SimulatedSlotOptions, simulatedSlot } from "../simulated-slot.js";

const QUANTITIES = ["voltageVolts", "currentAmperes", "powerWatts", "temperatureCelsius"] as const;

export const driver = defineDriver({
  port: "sensor",
  driver: "simulated",
  summary:
    "What a slot of a simulated rack draws and how warm it is: for demonstrations and tests.",
  actions: [],
  options: SimulatedSlotOptions,
  example: { options: { url: "http://127.0.0.1:8070", slot: 1 } },
  open: async (options, { clock }) => {
    const device = new SlotDevice({ ...simulatedSlot(options, "sensor/simulated"), clock });
    return {
      quantities: QUANTITIES,
      read: async (signal) => {
        const measured = await device.sensors(signal);
        return Object.fromEntries(
          QUANTITIES.map((quantity) => {
            const value = measured[quantity];
            return [quantity, typeof value === "number" ? value : "NoReading"];
          }),
        );
      },
      [Symbol.asyncDispose]: async () => device[Symbol.dispose](),
    };
  },
});
