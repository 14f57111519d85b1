import { ExactlyOne, Integer, Optional } from "@outrider/contracts/decorators";
import { defineDriver } from "@outrider/ports/driver";
import { SUPPLY_OFF, type PowerPort, type PowerReading } from "@outrider/ports/power-port";
import { PortError } from "@outrider/ports/port-error";
import { SlotDevice, type Slot } from "@outrider/transports/slots";
import { Matches } from "class-validator";

/** Where the rack serves, and which of its slots the node is in. */
export class SimulatedPowerOptions {
  /** `http://127.0.0.1:8070`: the rack's address, when it serves on a port. */
  @Optional()
  @Matches(/^http:\/\/[A-Za-z0-9.:[\]-]{1,255}$/)
  url?: string;
  /** Absolute path of the rack's unix socket, when it serves on one. */
  @Optional()
  @Matches(/^\/.{1,106}$/)
  socket?: string;
  /** Counts from 1. */
  @Integer(1, 10_000)
  @ExactlyOne("url", "socket")
  slot!: number;
}

export const driver = defineDriver({
  port: "power",
  driver: "simulated",
  summary: "A slot of a simulated rack: for demonstrations and tests, no hardware.",
  actions: ["On", "ForceOff", "PowerCycle", "ForceRestart", "PushPowerButton", "Nmi"],
  options: SimulatedPowerOptions,
  open: async ({ url, socket, slot }, { clock }) => {
    const address = url === undefined ? { socketPath: socket ?? "" } : { url: checkUrl(url) };
    return portOf(new SlotDevice({ address, slot, name: "The simulated rack", clock }));
  },
});

function checkUrl(url: string): string {
  if (URL.canParse(url)) return url;
  throw new PortError(
    "invalid-options",
    "The option url of the driver power/simulated: must be http://<host>:<port>. Correct the endpoint in the site file.",
  );
}

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
