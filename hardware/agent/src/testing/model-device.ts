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
  readonly native = {};

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
