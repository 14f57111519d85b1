import { milliseconds, type Clock, type Duration } from "@outrider/contracts/clock";
import { PortError } from "@outrider/ports/port-error";
import { SUPPLY_OFF, type PowerPort, type PowerReading } from "@outrider/ports/power-port";

/** A device in memory, for tests with virtual time: a state, what was done to it, and how it fails. */
export class ModelDevice implements PowerPort {
  on = false;
  readonly edges: ("on" | "off")[] = [];
  /** How often it was asked to switch. */
  asked = 0;
  refuses = 0;
  silent = false;
  /** Takes requests and does not act on them. */
  stuck = false;
  native: PowerPort["native"] = {};
  cycleLeavesOff?: Duration;
  answersWithin?: PowerPort["answersWithin"];
  /** How often it was asked for a cycle of its own. */
  cycles = 0;

  async read(): Promise<PowerReading> {
    this.#answer();
    return this.on
      ? { supply: "On", supplyEvidence: "ReadBack", host: "Running", hostEvidence: "ReadBack" }
      : SUPPLY_OFF;
  }

  async setSupply(on: boolean): Promise<void> {
    this.asked += 1;
    this.#answer();
    if (this.refuses > 0) {
      this.refuses -= 1;
      throw new PortError("refused", "the model refuses");
    }
    if (!this.stuck) this.#switch(on);
  }

  /** From now on it has a cycle of its own, which it answers at once: off after `afterMs`, for `forMs` (missing: for good). */
  cyclesByItself(clock: Clock, afterMs: number, forMs?: number): void {
    const pass = (ms: number): Promise<void> => clock.sleep(milliseconds(ms));
    const cycle = async (): Promise<void> => {
      await pass(afterMs);
      if (this.stuck) return;
      this.#switch(false);
      if (forMs === undefined) return;
      await pass(forMs);
      this.#switch(true);
    };
    this.native = {
      PowerCycle: async () => {
        this.cycles += 1;
        this.#answer();
        void cycle();
      },
    };
  }

  /** The supply goes off by itself. */
  lose(): void {
    this.#switch(false);
  }

  async [Symbol.asyncDispose](): Promise<void> {}

  #switch(on: boolean): void {
    if (this.on !== on) this.edges.push(on ? "on" : "off");
    this.on = on;
  }

  #answer(): void {
    if (this.silent) throw new PortError("timed-out", "the model is silent");
  }
}
