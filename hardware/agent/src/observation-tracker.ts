import type { DesiredEndpoint, Observation } from "@outrider/contracts/agent";
import type { Evidence, Host, Supply } from "@outrider/contracts/power";
import { PortError } from "@outrider/ports/port-error";
import type { PowerReading } from "@outrider/ports/power-port";

interface Dated<V> {
  readonly value: V;
  readonly evidence: Evidence;
  readonly since: string;
}

/** Turns readings of one endpoint into observations: since when each value has been what it is, and whether one changed. Pure. */
export class ObservationTracker {
  #supply: Dated<Supply> | undefined;
  #host: Dated<Host> | undefined;
  #text = "";
  /** As it was last told as a change. */
  #drawWatts: number | undefined;

  /**
   * @param at when it was read
   * @returns the observation, and whether anything but its age differs from the one before
   */
  take(
    reading: PowerReading | PortError,
    at: string,
    { endpoint, staleAfterMs }: Pick<DesiredEndpoint, "endpoint" | "staleAfterMs">,
    fault: string | undefined,
  ): { readonly observation: Observation; readonly changed: boolean } {
    const seen = reading instanceof PortError ? unknownBecause(reading) : reading;
    this.#supply = dated(this.#supply, seen.supply, seen.supplyEvidence, at);
    this.#host = dated(this.#host, seen.host, seen.hostEvidence, at);
    const lasting = {
      endpoint,
      supply: this.#supply.value,
      supplyEvidence: this.#supply.evidence,
      supplySince: this.#supply.since,
      host: this.#host.value,
      hostEvidence: this.#host.evidence,
      hostSince: this.#host.since,
      staleAfterMs,
      ...(seen.problem === undefined ? {} : { problem: seen.problem.slice(0, 500) }),
      ...(fault === undefined ? {} : { fault }),
    };
    const text = JSON.stringify(lasting);
    const { drawWatts } = seen;
    const changed = text !== this.#text || isOtherDraw(this.#drawWatts, drawWatts);
    this.#text = text;
    if (changed) this.#drawWatts = drawWatts;
    const measured = drawWatts === undefined ? {} : { drawWatts };
    return { observation: { ...lasting, ...measured, observedAt: at }, changed };
  }
}

/** Whether a draw is worth a report of its own. What is measured is never the same twice. */
function isOtherDraw(former: number | undefined, now: number | undefined): boolean {
  if (former === undefined || now === undefined) return former !== now;
  return Math.abs(now - former) > Math.max(0.5, former / 10);
}

/** A device that does not answer says nothing: silence is never `Off`. */
function unknownBecause({ message }: PortError): PowerReading {
  return {
    supply: "Unknown",
    supplyEvidence: "Assumed",
    host: "Unknown",
    hostEvidence: "Assumed",
    problem: message,
  };
}

function dated<V>(
  former: Dated<V> | undefined,
  value: V,
  evidence: Evidence,
  at: string,
): Dated<V> {
  return { value, evidence, since: former?.value === value ? former.since : at };
}
