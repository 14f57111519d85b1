import type { DigitalOutputPort } from "@outrider/ports/digital-output-port";
import type { Clock } from "@outrider/ports/time";
import { SlotDevice } from "@outrider/transports/slots";
import { SimulatedSlotOptions, simulatedSlot } from "../simulated-slot.js";

/** The supply of a rack's slot as an output: a relay that says what it is, and that can be welded, silent or gone. */
export function slotOutput(options: SimulatedSlotOptions, clock: Clock): DigitalOutputPort {
  const device = new SlotDevice({ ...simulatedSlot(options, "digital-output/slot"), clock });
  return {
    evidence: "ReadBack",
    read: async (signal) => (await device.get(signal)).supply === "on",
    set: async (active, signal) => void (await device.setSupply(active, signal)),
    [Symbol.asyncDispose]: async () => device[Symbol.dispose](),
  };
}
