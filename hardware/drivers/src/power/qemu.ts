import { Integer } from "@outrider/contracts/decorators";
import { seconds } from "@outrider/contracts/clock";
import { defineDriver } from "@outrider/ports/driver";
import {
  SUPPLY_OFF,
  type PowerPort,
  type PowerReading,
  type ReadOptions,
} from "@outrider/ports/power-port";
import { PortError } from "@outrider/ports/port-error";
import { QmpLink } from "@outrider/transports/qmp";
import { SlotDevice } from "@outrider/transports/slots";
import { Matches } from "class-validator";

/** A slot of a chassis of QEMU virtual machines. */
export class QemuPowerOptions {
  /** Absolute path of the chassis's directory. It holds `chassis.sock` and `slot-<n>.qmp`. */
  @Matches(/^\/.{0,90}$/)
  directory!: string;
  /** Counts from 1. */
  @Integer(1, 9999)
  slot!: number;
}

const QUERY_DEADLINE = seconds(5);
const ACT_DEADLINE = seconds(10);
/** The slot and the machine are asked, which may first have to be reached, and the slot once more. */
const WITHIN = seconds(20);

/** Events after which a reading may differ. A supply that comes or goes opens or closes the socket instead. */
const EVENTS: ReadonlySet<string> = new Set([
  "GUEST_PANICKED",
  "RESET",
  "RESUME",
  "SHUTDOWN",
  "STOP",
]);

export const driver = defineDriver({
  port: "power",
  driver: "qemu",
  summary: "A slot of a chassis of QEMU virtual machines: its supply, button, reset line and NMI.",
  actions: ["On", "ForceOff", "PowerCycle", "ForceRestart", "PushPowerButton", "Nmi"],
  options: QemuPowerOptions,
  exclusive: ["directory", "slot"],
  example: { options: { directory: "/run/outrider/chassis", slot: 1 } },
  proof: "QEMU 7.2",
  open: async ({ directory, slot }, { clock }) => {
    const chassis = new SlotDevice({
      address: { socketPath: `${directory}/chassis.sock` },
      slot,
      name: "The chassis",
      clock,
    });
    const machine = new QmpLink({
      path: `${directory}/slot-${slot}.qmp`,
      name: "The virtual machine",
      clock,
    });
    return new QemuPower(chassis, machine);
  },
});

/** Supply and button are the chassis's; host, reset and NMI are the virtual machine's, by QMP. */
class QemuPower implements PowerPort {
  readonly answersWithin = { read: WITHIN, act: WITHIN };
  readonly native = {
    ForceRestart: (signal: AbortSignal) =>
      this.#powered(signal, () => this.#act("system_reset", signal)),
    PushPowerButton: (signal: AbortSignal) => this.chassis.act("button", signal),
    Nmi: (signal: AbortSignal) => this.#powered(signal, () => this.#act("inject-nmi", signal)),
  };

  constructor(
    private readonly chassis: SlotDevice,
    private readonly machine: QmpLink,
  ) {}

  async read(signal: AbortSignal, options?: ReadOptions): Promise<PowerReading> {
    if ((await this.chassis.get(signal, options?.patience)).supply === "off") return SUPPLY_OFF;
    try {
      return readingOf(await this.#status(signal));
    } catch (error) {
      if (!(error instanceof PortError)) throw error;
      // The supply may have gone between the two questions; that explains the silence.
      if ((await this.chassis.get(signal)).supply === "off") return SUPPLY_OFF;
      return unknownHost(error.message);
    }
  }

  async setSupply(on: boolean, signal: AbortSignal): Promise<void> {
    await this.chassis.setSupply(on, signal);
  }

  watch(changed: () => void): Disposable {
    const both = new DisposableStack();
    both.use(this.chassis.watch(changed));
    both.use(this.machine.watch(EVENTS, changed));
    return both;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.machine[Symbol.dispose]();
    this.chassis[Symbol.dispose]();
  }

  async #act(command: string, signal: AbortSignal): Promise<void> {
    await this.machine.execute(command, undefined, ACT_DEADLINE, signal);
  }

  async #status(signal: AbortSignal): Promise<string> {
    const answer = await this.machine.execute("query-status", undefined, QUERY_DEADLINE, signal);
    return String((answer as { status?: unknown } | undefined)?.status);
  }

  /** Says `refused` instead of `unreachable` when the machine cannot be reached because it has no supply. */
  async #powered(signal: AbortSignal, act: () => Promise<void>): Promise<void> {
    try {
      await act();
    } catch (error) {
      if (!(error instanceof PortError) || error.code !== "unreachable") throw error;
      if ((await this.chassis.get(signal)).supply === "on") throw error;
      throw new PortError(
        "refused",
        `${this.chassis.what}: the supply is off, so this has no effect. Switch On.`,
        { cause: error },
      );
    }
  }
}

/** @param status QEMU's run state (QAPI `RunState`) */
function readingOf(status: string): PowerReading {
  const on = { supply: "On", supplyEvidence: "ReadBack", hostEvidence: "ReadBack" } as const;
  switch (status) {
    case "running":
      return { ...on, host: "Running" };
    case "shutdown":
      return { ...on, host: "Halted" };
    case "guest-panicked":
      return { ...on, host: "Halted", problem: "The host panicked." };
    case "internal-error":
      return { ...on, host: "Halted", problem: "The virtual machine failed (internal-error)." };
    default:
      return unknownHost(`The virtual machine is neither running nor halted (${status}).`);
  }
}

function unknownHost(problem: string): PowerReading {
  return {
    supply: "On",
    supplyEvidence: "ReadBack",
    host: "Unknown",
    // Nothing was measured.
    hostEvidence: "Assumed",
    problem: problem.slice(0, 500),
  };
}
