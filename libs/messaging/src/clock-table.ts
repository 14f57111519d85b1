import type { ClockReading } from "@outrider/contracts/service";

/** Without a beacon for this long, an issuer's clock is not known. */
export const BEACON_SILENCE_MS = 30_000;
/** How long a silent clock is remembered; after that its id is as good as never seen. */
const FORGET_AFTER_MS = 600_000;
/**
 * Two monotonic clocks drift apart by up to this much (both may be slewed by time keeping). The largest difference
 * seen loses as much with time, so that after a week of uptime a fresh command is not taken for an old one.
 */
export const DRIFT = 500 / 1_000_000;

interface Issuer {
  /** Issuer's clock minus ours when a reading had the least delay, in milliseconds. */
  differenceMs: number;
  /** When that was, on our clock. */
  sinceMs: number;
  beaconMs: number | undefined;
  heardMs: number;
}

/**
 * How old a command is, without wall clocks. A reading of the issuer's monotonic clock arrives late and never early,
 * so that the largest difference between it and ours is the closest to the truth. An age is too small by at most the
 * shortest delay of any reading so far, and the drift since.
 */
export class ClockTable {
  readonly #issuers = new Map<string, Issuer>();

  /** Takes a beacon. @param localMs our monotonic clock on its arrival */
  observe(reading: ClockReading, localMs: number): void {
    this.#take(reading, localMs).beaconMs = localMs;
    for (const [id, issuer] of this.#issuers) {
      if (localMs - issuer.heardMs > FORGET_AFTER_MS) this.#issuers.delete(id);
    }
  }

  /** Takes a command's own stamp: it betters the difference, but is no beacon. A clock not known from a beacon stays unknown. */
  sample(reading: ClockReading, localMs: number): void {
    if (this.#issuers.has(reading.id)) this.#take(reading, localMs);
  }

  /** How long ago the reading was taken, in milliseconds. Undefined when its clock is not known (`clock-unknown`). */
  ageMs(reading: ClockReading, localMs: number): number | undefined {
    const issuer = this.#issuers.get(reading.id);
    if (issuer?.beaconMs === undefined || localMs - issuer.beaconMs > BEACON_SILENCE_MS) {
      return undefined;
    }
    return Math.max(0, localMs + differenceAt(issuer, localMs) - reading.ms);
  }

  #take({ id, ms }: ClockReading, localMs: number): Issuer {
    const differenceMs = ms - localMs;
    let issuer = this.#issuers.get(id);
    if (!issuer) {
      issuer = { differenceMs, sinceMs: localMs, beaconMs: undefined, heardMs: localMs };
      this.#issuers.set(id, issuer);
    } else if (differenceMs >= differenceAt(issuer, localMs)) {
      issuer.differenceMs = differenceMs;
      issuer.sinceMs = localMs;
    }
    issuer.heardMs = localMs;
    return issuer;
  }
}

function differenceAt(issuer: Issuer, localMs: number): number {
  return issuer.differenceMs - (localMs - issuer.sinceMs) * DRIFT;
}
