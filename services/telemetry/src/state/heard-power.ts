import type { Host, PowerState, Supply } from "@outrider/contracts/power";
import type { PowerSeen } from "./panic.js";

interface Heard<T> {
  readonly value: T;
  readonly observedAt: string;
  /** By our monotonic clock. */
  readonly untilMs: number;
}

/**
 * What the power service has said of one node, for as long as it holds: whoever stops speaking is not believed for ever.
 * The span begins when an observation is heard for the first time, since calendars may differ; the same observation
 * heard again, retained by the broker, is no younger.
 */
export class HeardPower {
  #supply: Heard<Supply> | undefined;
  #host: Heard<Host> | undefined;
  #fault: string | undefined;
  #last: PowerState | undefined;
  /** How many of the two held when that was looked at last. */
  #holding = 0;

  /** @param power undefined: nothing is said any more */
  heard(power: PowerState | undefined, receivedMs: number): void {
    this.#supply = power && heardOf(power.supply, this.#supply, receivedMs);
    this.#host = power && heardOf(power.host, this.#host, receivedMs);
    this.#fault = power?.fault;
    this.#last = power;
    this.#holding = power ? 2 : 0;
  }

  supply(nowMs: number): Supply {
    return this.#supply && nowMs <= this.#supply.untilMs ? this.#supply.value : "Unknown";
  }

  host(nowMs: number): Host {
    return this.#host && nowMs <= this.#host.untilMs ? this.#host.value : "Unknown";
  }

  /** All of it that holds. */
  seen(nowMs: number): PowerSeen {
    return {
      supply: this.supply(nowMs),
      supplySince: this.#last?.supply.since,
      host: this.host(nowMs),
      hostEvidence: this.#last?.host.evidence,
      problem: this.#last?.problem,
    };
  }

  /** Time has passed. @returns whether something that held does not any more */
  expire(nowMs: number): boolean {
    const before = this.#holding;
    this.#holding = [this.#supply, this.#host].filter((one) => one && nowMs <= one.untilMs).length;
    return this.#holding < before;
  }

  /** Stands until it is said that it does not. */
  get fault(): string | undefined {
    return this.#fault;
  }
}

function heardOf<T>(
  { value, observedAt, staleAfterMs }: Omit<Heard<T>, "untilMs"> & { staleAfterMs: number },
  before: Heard<T> | undefined,
  receivedMs: number,
): Heard<T> {
  if (before?.value === value && before.observedAt === observedAt) return before;
  return { value, observedAt, untilMs: receivedMs + staleAfterMs };
}
