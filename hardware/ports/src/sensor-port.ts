import type { Absence, Quantity, Sample } from "@outrider/contracts/reading";
import type { PortErrorCode } from "./port-error.js";

/** Something that measures. */
export interface SensorPort extends AsyncDisposable {
  /** What it measures; every sample has all of it, as a value or as an absence. */
  readonly quantities: readonly Quantity[];
  /**
   * Measures now. What a part of the device cannot say is an absence in the sample.
   * @throws PortError when nothing of the device can be known; {@link absenceOf} says what that is of each quantity
   */
  read(signal: AbortSignal): Promise<Sample>;
}

/** What it means for a quantity that its device failed. */
export function absenceOf(code: PortErrorCode): Absence {
  if (code === "unreachable") return "NotPresent";
  return code === "timed-out" ? "TimedOut" : "NoReading";
}
