import { defineDriver } from "@outrider/ports/driver";
import { SUPPLY_OFF, type PowerPort, type PowerReading } from "@outrider/ports/power-port";
import { SlotDevice, type Slot } from "@outrider/transports/slots";
import { SimulatedSlotOptions, simulatedSlot } from "../simulated-slot.js";

export const driver = defineDriver({
  port: "power",
  driver: "simulated",
  summary: "A slot of a simulated rack: for demonstrations and tests, no hardware.",
  actions: ["On", "ForceOff", "PowerCycle", "ForceRestart", "PushPowerButton", "Nmi"],
  options: SimulatedSlotOptions,
  exclusive: ["url", "socket", "slot"],
  example: { options: { url: "http://127.0.0.1:8070", slot: 1 } },
  open: async (options, { clock }) =>
    portOf(new SlotDevice({ ...simulatedSlot(options, "power/simulated"), clock })),
});

function portOf(device: SlotDevice): PowerPort {
  return {
    read: async (signal, options) => readingOf(await device.get(signal, options?.patience)),
    setSupply: async (on, signal) => void (await device.setSupply(on, signal)),
    native: {
      ForceRestart: (signal) => device.act("reset", signal),
      PushPowerButton: (signal) => device.act("button", signal),
      Nmi: (signal) => device.act("nmi", signal),
    },
    watch: (changed) => device.watch(changed),
    [Symbol.asyncDispose]: async () => device[Symbol.dispose](),
  };
}

/** What the rack's word for the host means while the supply is on. */
const HOSTS: Readonly<Record<Slot["host"], Pick<PowerReading, "host" | "problem">>> = {
  running: { host: "Running" },
  halted: { host: "Halted" },
  panicked: { host: "Halted", problem: "The host panicked." },
  paused: { host: "Unknown", problem: "The rack says that the host is paused." },
  off: { host: "Unknown", problem: "The rack says that the supply is on and the host is off." },
};

function readingOf({ supply, host, drawWatts }: Slot): PowerReading {
  if (supply === "off") return SUPPLY_OFF;
  return {
    supply: "On",
    supplyEvidence: "ReadBack",
    hostEvidence: "ReadBack",
    ...HOSTS[host],
    ...(drawWatts === undefined ? {} : { drawWatts }),
  };
}
