/** The lamp by which a person finds a node. */
export interface IdentifyPort extends AsyncDisposable {
  /** Whether it shines or blinks now. @throws PortError · the signal's reason */
  read(signal: AbortSignal): Promise<boolean>;
  /** @throws PortError · the signal's reason */
  set(on: boolean, signal: AbortSignal): Promise<void>;
}
