import { join } from "node:path";
import type { ChassisSlotSpec } from "./chassis-spec.js";
import { ChassisSlot } from "./chassis-slot.js";
import type { EdgeLog } from "./edge-log.js";
import { FaultKnobs } from "./fault-knobs.js";
import { checkSocketPath, listen } from "./listen-address.js";
import { prepareMachine } from "./machine-parts.js";
import { QmpFront } from "./qmp-front.js";
import { QmpError } from "./qmp-monitor.js";
import type { SimClock } from "./sim-clock.js";
import { SlotError, type Faults, type SlotMachine, type SlotView } from "./slot-api.js";
import { consoleFiles, UartLine } from "./uart-line.js";

interface Bay {
  readonly slot: ChassisSlot;
  readonly knobs: FaultKnobs;
  readonly qmp: QmpFront;
  readonly uart: UartLine;
}

/** A chassis of QEMU slots: switches supplies, and owns every slot's QMP and console socket for its whole life. */
export class Chassis implements SlotMachine {
  readonly #bays: ReadonlyMap<number, Bay>;
  #mains = true;
  readonly lamps = new Set<number>();

  /** @param specs slot 1 first */
  constructor(
    readonly dir: string,
    specs: readonly ChassisSlotSpec[],
    edges: EdgeLog,
    clock: SimClock,
  ) {
    this.#bays = new Map(
      specs.map((spec, index) => [index + 1, this.#bay(index + 1, spec, edges, clock)]),
    );
  }

  /** Opens the slots' sockets. */
  async listen(): Promise<void> {
    for (const [slot, { qmp, uart }] of this.#bays) {
      await listen(qmp.server, { kind: "unix", path: checkSocketPath(this.qmpPath(slot)) });
      await listen(uart.server, { kind: "unix", path: checkSocketPath(this.uartPath(slot)) });
    }
  }

  qmpPath(slot: number): string {
    return join(this.dir, `slot-${slot}.qmp`);
  }

  uartPath(slot: number): string {
    return join(this.dir, `slot-${slot}.uart`);
  }

  /** Switches everything off and closes every socket. */
  async close(): Promise<void> {
    await Promise.all(
      [...this.#bays.values()].map(async ({ slot, qmp, uart }) => {
        qmp.server.close();
        uart.server.close();
        await slot.close();
        qmp.drop();
        uart.drop();
      }),
    );
  }

  /** Kills every machine without waiting: for the last moment of a process that fails. */
  kill(): void {
    for (const { slot } of this.#bays.values()) slot.kill();
  }

  slots(): readonly SlotView[] {
    return [...this.#bays.values()].map(({ slot }) => slot.view());
  }

  view(slot: number): SlotView {
    return this.#at(slot).slot.view();
  }

  get mains(): boolean {
    return this.#mains;
  }

  async setMains(on: boolean): Promise<void> {
    this.#mains = on;
    if (on) return;
    await Promise.all([...this.#bays.values()].map(({ slot }) => slot.brownOut()));
  }

  async setSupply(slot: number, on: boolean): Promise<SlotView> {
    const bay = this.#at(slot);
    await bay.slot.setSupply(on);
    return bay.slot.view();
  }

  async button(slot: number, holdMs: number): Promise<SlotView> {
    const bay = this.#at(slot);
    try {
      await bay.slot.press(holdMs);
    } catch (cause) {
      if (!(cause instanceof QmpError)) throw cause;
      throw new SlotError("failed", `The press did not arrive: ${cause.desc}`, { cause });
    }
    return bay.slot.view();
  }

  reset(slot: number): Promise<SlotView> {
    return Promise.reject(this.#byQmp(slot, "system_reset"));
  }

  nmi(slot: number): Promise<SlotView> {
    return Promise.reject(this.#byQmp(slot, "inject-nmi"));
  }

  async brownOut(slot: number): Promise<SlotView> {
    const bay = this.#at(slot);
    await bay.slot.brownOut();
    return bay.slot.view();
  }

  guest(slot: number): Promise<SlotView> {
    this.#at(slot);
    return Promise.reject(
      new SlotError(
        "unsupported",
        `The guest is a real one: speak to it on ${this.uartPath(slot)}.`,
      ),
    );
  }

  console(slot: number): UartLine {
    return this.#at(slot).uart;
  }

  async sendBreak(slot: number): Promise<void> {
    const bay = this.#at(slot);
    try {
      await bay.slot.sendBreak();
      bay.uart.broke();
    } catch (cause) {
      if (!(cause instanceof QmpError)) throw cause;
      throw new SlotError("failed", `The break did not arrive: ${cause.desc}`, { cause });
    }
  }

  faults(slot: number): Faults {
    return this.#at(slot).knobs.current;
  }

  setFaults(slot: number, faults: Faults): void {
    if (faults.shutdownTakesMs !== undefined) {
      throw new SlotError(
        "unsupported",
        "shutdownTakesMs: a virtual machine takes the time it takes.",
      );
    }
    this.#at(slot).knobs.set(faults);
  }

  #bay(number: number, { flavour }: ChassisSlotSpec, edges: EdgeLog, clock: SimClock): Bay {
    const knobs = new FaultKnobs(clock);
    const slot: ChassisSlot = new ChassisSlot(
      number,
      () => prepareMachine(this.dir, number, flavour),
      flavour,
      edges,
      knobs,
      {
        attachConsole: (machine) => uart.attach(machine.console),
        broadcast: (event) => qmp.broadcast(event),
        supplyLost: () => qmp.drop(),
      },
    );
    const uart = new UartLine({
      ...consoleFiles(this.dir, number),
      onOutput: () => slot.consoleSpoke(),
    });
    const qmp = new QmpFront({
      greeting: () => slot.greeting,
      faults: () => knobs.current,
      qmp: (command, args) => boardCommand(slot, command, args),
    });
    return { slot, knobs, qmp, uart };
  }

  #at(slot: number): Bay {
    const bay = this.#bays.get(slot);
    if (!bay)
      throw new SlotError(
        "no-such-slot",
        `There is no slot ${slot}; slots are 1 to ${this.#bays.size}.`,
      );
    return bay;
  }

  #byQmp(slot: number, command: string): SlotError {
    this.#at(slot);
    return new SlotError(
      "unsupported",
      `On a chassis this is QMP ${command} at ${this.qmpPath(slot)}.`,
    );
  }
}

/** A QMP command as the board in the slot takes it: what is a button or a line there goes through the board. */
async function boardCommand(slot: ChassisSlot, command: string, args: unknown): Promise<unknown> {
  switch (command) {
    case "system_powerdown":
      await slot.press(0);
      return {};
    case "system_reset":
      await slot.reset();
      return {};
    case "inject-nmi":
      await slot.nmi();
      return {};
    case "quit":
      throw new QmpError(
        "GenericError",
        "The supply is switched by the chassis (PUT /slots/<n>/supply), not by quit",
      );
    default:
      return slot.qmp(command, args);
  }
}
