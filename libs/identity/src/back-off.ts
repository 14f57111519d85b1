import type { Clock } from "@outrider/contracts/clock";

interface Failures {
  count: number;
  lastMs: number;
}

const FORGET_AFTER_MS = 15 * 60_000;
const MAX_KEYS = 10_000;
const LONGEST_WAIT_MS = 1000;
/** From one address this many are free; a household, or a proxy, may mistype. */
const FREE_PER_ADDRESS = 10;
const LONGEST_REFUSAL_MS = 5000;

/**
 * How long who guesses passwords is held up. By name it is a wait of a second at most, so that guessing at somebody's
 * name never keeps that person out; by address it is a refusal of five seconds at most. Bounded memory.
 */
export class BackOff {
  readonly #names = new Map<string, Failures>();
  readonly #addresses = new Map<string, Failures>();

  constructor(private readonly clock: Pick<Clock, "monotonicMs">) {}

  /** How long the next attempt on a name has to wait. */
  waitMs(name: string): number {
    const { count } = this.#of(this.#names, name);
    return count === 0 ? 0 : Math.min(LONGEST_WAIT_MS, 125 * 2 ** Math.min(count - 1, 10));
  }

  /** How long attempts from an address are still refused; 0: not at all. */
  refusedForMs(address: string): number {
    const { count, lastMs } = this.#of(this.#addresses, address);
    if (count < FREE_PER_ADDRESS) return 0;
    const spanMs = Math.min(LONGEST_REFUSAL_MS, 250 * 2 ** Math.min(count - FREE_PER_ADDRESS, 10));
    return Math.max(0, lastMs + spanMs - this.clock.monotonicMs());
  }

  failed(name: string, address: string): void {
    this.#count(this.#names, name);
    this.#count(this.#addresses, address);
  }

  succeeded(name: string, address: string): void {
    this.#names.delete(name);
    this.#addresses.delete(address);
  }

  #of(failures: Map<string, Failures>, key: string): Failures {
    const found = failures.get(key);
    if (found && this.clock.monotonicMs() - found.lastMs < FORGET_AFTER_MS) return found;
    failures.delete(key);
    return { count: 0, lastMs: 0 };
  }

  #count(failures: Map<string, Failures>, key: string): void {
    const { count } = this.#of(failures, key);
    failures.delete(key);
    // The one that failed longest ago makes room.
    const oldest = failures.size >= MAX_KEYS ? failures.keys().next().value : undefined;
    if (oldest !== undefined) failures.delete(oldest);
    failures.set(key, { count: count + 1, lastMs: this.clock.monotonicMs() });
  }
}
