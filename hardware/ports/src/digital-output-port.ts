import type { Duration } from "./time.js";

/**
 * One line, relay or coil that is active or not; which level that is, is the driver's to know. Only other drivers need
 * it: with it they make power, reset, button, straps and lamps of any mechanism. Opening never changes what the line
 * does, or sets what the options say in one step with taking it. Methods throw {@link PortError}, or the signal's
 * reason when that was aborted, and have deadlines of their own besides the signal.
 */
export interface DigitalOutputPort extends AsyncDisposable {
  /** How {@link read} knows: from the device, or only from what it was told last. */
  readonly evidence: "ReadBack" | "Assumed";
  /** Whether it is active now. @throws PortError `unreachable` also while nothing has been set and nothing can be read */
  read(signal: AbortSignal): Promise<boolean>;
  /** Sets it once and returns when the device has taken it. Setting the present state is no error. Does not verify. */
  set(active: boolean, signal: AbortSignal): Promise<void>;
  /**
   * Active for so long, then inactive again, timed by the device itself: it ends also when nobody is there any more to
   * end it. Returns when it has ended. Missing where the device cannot; {@link pulse} then times it here.
   */
  pulse?(duration: Duration, signal: AbortSignal): Promise<void>;
}
