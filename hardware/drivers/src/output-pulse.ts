import { Integer, Optional } from "@outrider/contracts/decorators";
import type { DigitalOutputPort } from "@outrider/ports/digital-output-port";
import type { DriverContext } from "@outrider/ports/driver";
import { PortError } from "@outrider/ports/port-error";
import { pulse } from "@outrider/ports/pulse";
import { milliseconds } from "@outrider/ports/time";

export class PulseOptions {
  /** How long the line is active. */
  @Optional() @Integer(10, 3000) pulseMs?: number;
}

/** A line that is active in pulses only. */
export interface PulsedOutput {
  /** One pulse, which ends in any case. */
  pulse(signal: AbortSignal): Promise<void>;
}

/**
 * Whoever was killed in the middle of a pulse has left the line active: that is ended when it is opened or, where the
 * device is away then, before the next pulse.
 */
export async function openPulsed(
  output: DigitalOutputPort,
  pulseMs: number,
  { clock, log, signal }: DriverContext,
): Promise<PulsedOutput> {
  let released = false;
  const release = async (within: AbortSignal): Promise<void> => {
    if (await looksActive(within)) {
      log.warn({}, "a pulse may not have ended, and the output is released");
      await output.set(false, within);
    }
    released = true;
  };
  /** What cannot be read at all may be active. */
  const looksActive = async (within: AbortSignal): Promise<boolean> => {
    try {
      return await output.read(within);
    } catch (error) {
      if (!(error instanceof PortError) || output.evidence === "ReadBack") throw error;
      return true;
    }
  };
  try {
    await release(signal);
  } catch (error) {
    if (!(error instanceof PortError)) throw error;
    log.warn({ reason: error.message }, "the output could not be looked at when it was opened");
  }
  return {
    pulse: async (within) => {
      within.throwIfAborted();
      if (!released) await release(within);
      await pulse(output, milliseconds(pulseMs), clock, within);
    },
  };
}
