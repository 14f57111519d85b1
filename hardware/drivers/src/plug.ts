import type { NativeAction, PowerPort, PowerReading } from "@outrider/ports/power-port";
import { SUPPLY_OFF, SUPPLY_ON } from "@outrider/ports/power-port";
import { PortError } from "@outrider/ports/port-error";
import { milliseconds, seconds, type Clock, type Duration } from "@outrider/ports/time";

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
  /** Asks the plug itself, now. */
  read(signal: AbortSignal): Promise<PlugState>;
  set(on: boolean, signal: AbortSignal): Promise<void>;
  /** Switches off, and has the plug switch on by itself after so long, also when nobody is there any more. */
  cycle?(off: Duration, signal: AbortSignal): Promise<void>;
  watch?(changed: () => void): Disposable;
}

const LOOK_EVERY = milliseconds(250);
const SEEN_OFF_WITHIN = seconds(5);

/**
 * A plug as the power of a node. It sees its relay and no host.
 * @param off how long a cycle of the plug's own leaves it off
 */
export function plugPower(plug: Plug, clock: Clock, off: Duration): PowerPort {
  const native: Partial<Record<NativeAction, (signal: AbortSignal) => Promise<void>>> = {};
  const { cycle } = plug;
  if (cycle) {
    native.PowerCycle = async (signal) => {
      await cycle.call(plug, off, signal);
      await seenOff(plug, clock, off, signal);
    };
  }
  return {
    read: async (signal) => readingOf(await plug.read(signal)),
    setSupply: (on, signal) => plug.set(on, signal),
    native,
    ...(cycle === undefined ? {} : { cycleIsSeen: true }),
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

/** A plug that says yes to a cycle and does nothing must not pass for one that has cycled. */
async function seenOff(
  plug: Plug,
  clock: Clock,
  off: Duration,
  signal: AbortSignal,
): Promise<void> {
  const limit = Math.min(SEEN_OFF_WITHIN, off);
  for (const until = clock.monotonicMs() + limit; ;) {
    if (!(await plug.read(signal)).on) return;
    if (clock.monotonicMs() > until) {
      throw new PortError(
        "refused",
        `${plug.what} took the request for a cycle and was not seen off. Look at the plug; its lamp shows its relay.`,
      );
    }
    await clock.sleep(LOOK_EVERY, signal);
  }
}
