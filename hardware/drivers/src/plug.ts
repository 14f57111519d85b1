import type { NativeAction, PowerPort, PowerReading } from "@outrider/ports/power-port";
import { SUPPLY_OFF, SUPPLY_ON } from "@outrider/ports/power-port";
import { seconds, type Duration } from "@outrider/ports/time";

/** What a plug says of its relay, and of what goes through it where it measures that. */
export interface PlugState {
  readonly on: boolean;
  readonly drawWatts?: number;
  /** `Assumed`: it says what the relay was told last, and nothing has seen the relay. Default: `ReadBack`. */
  readonly evidence?: "ReadBack" | "Assumed";
}

/** A relay in a plug or strip that is switched over the network. */
export interface Plug extends AsyncDisposable {
  /** The plug with its address, as messages name it. */
  readonly what: string;
  readonly answersWithin?: PowerPort["answersWithin"];
  /** Asks the plug itself, now. */
  read(signal: AbortSignal): Promise<PlugState>;
  set(on: boolean, signal: AbortSignal): Promise<void>;
  /** Switches off, and has the plug switch on by itself after so long, also when nobody is there any more. */
  cycle?(off: Duration, signal: AbortSignal): Promise<void>;
  watch?(changed: () => void): Disposable;
}

const CYCLE_LEAVES_OFF = seconds(5);

/**
 * A plug as the power of a node. It sees its relay and no host.
 * @param off how long a cycle of the plug's own leaves it off, where it has one
 */
export function plugPower(plug: Plug, off: Duration = CYCLE_LEAVES_OFF): PowerPort {
  const native: Partial<Record<NativeAction, (signal: AbortSignal) => Promise<void>>> = {};
  const { cycle } = plug;
  if (cycle) native.PowerCycle = (signal) => cycle.call(plug, off, signal);
  return {
    read: async (signal) => readingOf(await plug.read(signal)),
    setSupply: (on, signal) => plug.set(on, signal),
    native,
    ...(cycle === undefined ? {} : { cycleLeavesOff: off }),
    ...(plug.answersWithin === undefined ? {} : { answersWithin: plug.answersWithin }),
    ...(plug.watch === undefined ? {} : { watch: plug.watch.bind(plug) }),
    [Symbol.asyncDispose]: () => plug[Symbol.asyncDispose](),
  };
}

function readingOf({ on, drawWatts, evidence = "ReadBack" }: PlugState): PowerReading {
  if (!on) return { ...SUPPLY_OFF, supplyEvidence: evidence };
  return {
    ...SUPPLY_ON,
    supplyEvidence: evidence,
    ...(drawWatts === undefined ? {} : { drawWatts }),
  };
}
