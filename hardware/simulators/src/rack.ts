import type { EdgeLog } from "./edge-log.js";
import { FaultKnobs } from "./fault-knobs.js";
import type { SimClock } from "./sim-clock.js";
import {
  HOLD_MS,
  SlotError,
  type Faults,
  type GuestAct,
  type SlotMachine,
  type SlotView,
} from "./slot-api.js";
import { SimulatedSlot, type SimulatedSlotSpec } from "./simulated-slot.js";
import { consoleFiles, UartLine } from "./uart-line.js";

/** A rack of simulated machines: no virtual machine, no hardware, the same slot API and the same kinds of edges. */
export class Rack implements SlotMachine {
  readonly #slots: ReadonlyMap<number, SimulatedSlot>;
  readonly #knobs: ReadonlyMap<number, FaultKnobs>;
  readonly #lines: readonly UartLine[];
  #mains = true;
  readonly lamps = new Set<number>();

  /**
   * @param specs one per slot, slot 1 first
   * @param logDir where all that machines say and hear is kept, if anywhere
   * @param heldBytes of what a machine has said before anybody first listened, so much is kept for them
   */
  constructor(
    specs: readonly SimulatedSlotSpec[],
    private readonly edges: EdgeLog,
    private readonly clock: SimClock,
    logDir?: string,
    heldBytes = 0,
  ) {
    const draw = { watts: 0 };
    edges.measure(() => draw.watts);
    this.#knobs = new Map(specs.map((_, index) => [index + 1, new FaultKnobs(clock)]));
    this.#lines = specs.map(
      (_, index) =>
        new UartLine({
          heldBytes,
          ...(logDir === undefined ? {} : consoleFiles(logDir, index + 1)),
        }),
    );
    this.#slots = new Map(
      this.#lines.map((line, index) => {
        const slot = index + 1;
        const spec = specs[index] as SimulatedSlotSpec;
        const faults = (): Faults => this.faults(slot);
        return [slot, new SimulatedSlot(slot, spec, edges, clock, faults, draw, line)];
      }),
    );
  }

  slots(): readonly SlotView[] {
    return [...this.#slots.values()].map((slot) => slot.view());
  }

  setSupply(slot: number, on: boolean): Promise<SlotView> {
    return this.#act(slot, (it, knobs) => {
      if (it.view().supply === (on ? "on" : "off")) return;
      if (knobs.supplyChange(on) === "stuck") return;
      if (on) it.supplyOn();
      else it.supplyOff("supply-off", "api");
    });
  }

  reset(slot: number): Promise<SlotView> {
    return this.#act(slot, (it) => it.reset("reset", "api"));
  }

  nmi(slot: number): Promise<SlotView> {
    return this.#act(slot, (it) => it.nmi());
  }

  button(slot: number, holdMs: number): Promise<SlotView> {
    return this.#act(slot, (it) => it.press(holdMs >= HOLD_MS));
  }

  /** A blackout knows no delay. */
  brownOut(slot: number): Promise<SlotView> {
    const it = this.#slot(slot);
    it.supplyOff("brown-out", "outside");
    return Promise.resolve(it.view());
  }

  guest(slot: number, act: GuestAct): Promise<SlotView> {
    const it = this.#slot(slot);
    if (act === "halt") it.halt("guest");
    else if (act === "panic") it.panic("Fatal exception in interrupt");
    else it.reset("guest-reset", "guest");
    return Promise.resolve(it.view());
  }

  get mains(): boolean {
    return this.#mains;
  }

  async setMains(on: boolean): Promise<void> {
    this.#mains = on;
    if (on) return;
    this.edges.inOneInstant(() => {
      for (const slot of this.#slots.values()) slot.supplyOff("brown-out", "outside");
    });
    this.drop();
  }

  console(slot: number): UartLine {
    this.#slot(slot);
    return this.#lines[slot - 1] as UartLine;
  }

  /** Whoever waits for the answer knows that the line is free again. */
  async sendBreak(slot: number, ms: number): Promise<void> {
    const it = this.#slot(slot);
    await this.#knobsOf(slot).delay();
    this.console(slot).broke();
    it.breakReceived();
    await new Promise<void>((resolve) => void this.clock.after(ms, resolve));
  }

  /** Closes the consoles' connections. */
  drop(): void {
    for (const line of this.#lines) line.drop();
  }

  view(slot: number): SlotView {
    return this.#slot(slot).view();
  }

  faults(slot: number): Faults {
    return this.#knobsOf(slot).current;
  }

  setFaults(slot: number, faults: Faults): void {
    this.#knobsOf(slot).set(faults);
  }

  async #act(slot: number, run: (it: SimulatedSlot, knobs: FaultKnobs) => void): Promise<SlotView> {
    const it = this.#slot(slot);
    const knobs = this.#knobsOf(slot);
    await knobs.delay();
    run(it, knobs);
    return it.view();
  }

  #slot(slot: number): SimulatedSlot {
    const it = this.#slots.get(slot);
    if (!it)
      throw new SlotError(
        "no-such-slot",
        `There is no slot ${slot}; slots are 1 to ${this.#slots.size}.`,
      );
    return it;
  }

  #knobsOf(slot: number): FaultKnobs {
    this.#slot(slot);
    return this.#knobs.get(slot) as FaultKnobs;
  }
}
