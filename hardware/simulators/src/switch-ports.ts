import type { Rack } from "./rack.js";
import type { SimClock } from "./sim-clock.js";
import type { OutletView } from "./snmp-dialects.js";

export const PORT_QUIRKS = ["slow", "deaf", "denied", "reboots"] as const;
/**
 * `slow`: gives power two seconds after it was told to. `deaf`: says yes and does nothing. `denied`: takes the setting
 * and has no power to give. `reboots`: the whole device restarts when the port is switched, and forgets that it was told.
 */
export type PortQuirk = (typeof PORT_QUIRKS)[number];

const SLOW_MS = 2000;
const REBOOT_MS = 3000;
/** How long an outlet stays off when it is told to reboot. */
const OUTLET_REBOOT_MS = 1000;

/** The ports of a switch, or the outlets of a PDU, that the slots of a rack hang on. */
export class SwitchPorts {
  /** What each port was told, and what its supply was when it was last looked at. */
  readonly #told = new Map<number, boolean>();
  readonly #seen = new Map<number, boolean>();
  #rebooting = false;

  constructor(
    private readonly rack: Rack,
    private readonly clock: SimClock,
    private readonly quirks: ReadonlyMap<number, PortQuirk>,
  ) {}

  /** Whether the device answers at all now. */
  answers(slot: number): boolean {
    return !this.#rebooting && this.rack.faults(slot).silent !== true;
  }

  /** Whether it answers after acting. */
  says(slot: number): boolean {
    return !this.#rebooting && (this.rack.faults(slot).silent ?? false) === false;
  }

  view(slot: number): OutletView {
    const { supply, drawWatts } = this.rack.view(slot);
    const on = supply === "on";
    // Somebody else has switched: the setting follows, as it does for who switches at the device itself.
    if (this.#seen.get(slot) !== on) this.#told.set(slot, on);
    this.#seen.set(slot, on);
    const enabled = this.#told.get(slot) ?? on;
    return { enabled, on, denied: this.quirks.get(slot) === "denied", drawWatts };
  }

  /** @throws SlotError as the rack says no */
  async ask(slot: number, asked: "on" | "off" | "reboot"): Promise<void> {
    this.view(slot);
    const quirk = this.quirks.get(slot);
    if (quirk === "deaf") return;
    if (quirk === "reboots") return this.#reboot();
    const on = asked === "on";
    if (quirk === "denied" && on) {
      this.#told.set(slot, true);
      return;
    }
    if (quirk === "slow" && on) {
      this.#told.set(slot, true);
      this.clock.after(SLOW_MS, () => void this.#switch(slot, true).catch(() => {}));
      return;
    }
    if (asked === "reboot") {
      await this.#switch(slot, false);
      this.clock.after(OUTLET_REBOOT_MS, () => void this.#switch(slot, true).catch(() => {}));
      return;
    }
    await this.#switch(slot, on);
  }

  async #switch(slot: number, on: boolean): Promise<void> {
    await this.rack.setSupply(slot, on);
    this.#told.set(slot, on);
    this.#seen.set(slot, this.rack.view(slot).supply === "on");
  }

  /** Takes all supplies with it, and gives them again. */
  #reboot(): void {
    const before = this.rack.slots().filter(({ supply }) => supply === "on");
    this.#rebooting = true;
    for (const { slot } of before) void this.rack.brownOut(slot);
    this.clock.after(REBOOT_MS, () => {
      this.#rebooting = false;
      for (const { slot } of before) void this.#switch(slot, true).catch(() => {});
    });
  }
}
