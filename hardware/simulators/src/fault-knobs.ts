import type { SimClock } from "./sim-clock.js";
import { SlotError, type Faults } from "./slot-api.js";

/** The faults of one slot, and what they do to a request. */
export class FaultKnobs {
  #faults: Faults = {};

  constructor(private readonly clock: SimClock) {}

  get current(): Faults {
    return this.#faults;
  }

  /** Replaces all faults. */
  set(faults: Faults): void {
    this.#faults = faults;
  }

  /** Resolves after the slot's configured delay, at once when there is none. */
  delay(): Promise<void> {
    const { delayMs = 0 } = this.#faults;
    if (delayMs <= 0) return Promise.resolve();
    return new Promise((resolve) => void this.clock.after(delayMs, resolve));
  }

  /**
   * Whether a change of the supply may happen. Counts refusals down: ask only when the state would change.
   * @throws SlotError `refused`
   */
  supplyChange(on: boolean): "proceed" | "stuck" {
    const key = on ? "refuseOn" : "refuseOff";
    const refuse = this.#faults[key];
    if (refuse === true || (refuse !== undefined && refuse > 0)) {
      const left = refuse === true ? true : refuse - 1;
      this.#faults = { ...this.#faults, [key]: left };
      const more = left === true ? "until the fault is cleared" : `${left} more time(s)`;
      throw new SlotError(
        "refused",
        `The slot refuses to switch ${on ? "on" : "off"}, ${more}; PUT {} to its faults to clear it.`,
      );
    }
    return !on && this.#faults.stuckOn === true ? "stuck" : "proceed";
  }
}
