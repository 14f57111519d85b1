import { withDeadline } from "./deadline.js";
import type { DigitalOutputPort } from "./digital-output-port.js";
import { PortError } from "./port-error.js";
import { milliseconds, seconds, type Clock, type Duration } from "./time.js";

/** The end of a pulse does not wait for whoever gave up. */
const RELEASE_WITHIN = seconds(5);
const RELEASE_ATTEMPTS = 3;
const BETWEEN = milliseconds(100);

/**
 * Makes an output active for so long, by the device itself where it can. Its end is seen to in any case: also when the
 * call is aborted in the middle, and tried again when the device does not take it.
 * @throws PortError, which says so when the output may still be active · the signal's reason, with the output released
 */
export async function pulse(
  output: DigitalOutputPort,
  duration: Duration,
  clock: Clock,
  signal: AbortSignal,
): Promise<void> {
  if (output.pulse) return output.pulse(duration, signal);
  signal.throwIfAborted();
  try {
    await output.set(true, signal);
    await clock.sleep(duration, signal);
  } finally {
    // Also when setting failed: the device may have taken it.
    await release(output, clock);
  }
}

async function release(output: DigitalOutputPort, clock: Clock): Promise<void> {
  const never = new AbortController().signal;
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await withDeadline(clock, RELEASE_WITHIN, never, "The output", (within) =>
        output.set(false, within),
      );
    } catch (error) {
      if (!(error instanceof PortError)) throw error;
      if (attempt === RELEASE_ATTEMPTS) {
        throw new PortError(
          error.code,
          `The output could not be released after a pulse and may still be active: ${error.message} Release it by hand.`,
          { cause: error },
        );
      }
      await clock.sleep(BETWEEN, never);
    }
  }
}
