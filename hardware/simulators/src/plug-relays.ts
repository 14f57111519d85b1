import { SlotClient } from "./slot-client.js";

/** The relays of a plug or strip: each switches a slot of a rack, and does nothing where the rack refuses. */
export class PlugRelays {
  readonly #rack: SlotClient;
  readonly #timers = new Map<number, NodeJS.Timeout>();

  constructor(rack: string) {
    this.#rack = new SlotClient(rack);
  }

  /** Waits for ever while the slot is silent. Undefined: there is no such relay. */
  async state(slot: number): Promise<{ on: boolean; drawWatts: number } | undefined> {
    const seen = await this.#forever((signal) => this.#rack.get(slot, signal));
    return seen && { on: seen.supply === "on", drawWatts: seen.drawWatts };
  }

  /** Says nothing about whether it has happened. */
  async set(slot: number, on: boolean): Promise<void> {
    clearTimeout(this.#timers.get(slot));
    await this.#forever((signal) => this.#rack.supply(slot, on, signal));
  }

  /** Flips it later, by the device's own clock. */
  later(slot: number, on: boolean, ms: number): void {
    clearTimeout(this.#timers.get(slot));
    this.#timers.set(
      slot,
      setTimeout(() => void this.set(slot, on), ms),
    );
  }

  /** Calls back at every change of a slot's supply. */
  async watch(changed: (slot: number) => void): Promise<never> {
    let since = (await this.#rack.edges()).at(-1)?.seq ?? 0;
    for (;;) {
      const edges = await this.#rack.edges({ since, waitMs: 10_000 });
      since = edges.at(-1)?.seq ?? since;
      for (const { slot } of edges) changed(slot);
    }
  }

  async #forever<T>(ask: (signal: AbortSignal) => Promise<T>): Promise<T | undefined> {
    try {
      return await ask(new AbortController().signal);
    } catch {
      return undefined;
    }
  }
}
