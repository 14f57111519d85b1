/** One line that is active or not, driven by somebody else. Only other drivers need it: for a sense line or a heartbeat. */
export interface DigitalInputPort extends AsyncDisposable {
  /** Whether it is active now. @throws PortError · the signal's reason */
  read(signal: AbortSignal): Promise<boolean>;
  /** How often it has become active since it was opened, where the device counts or catches edges between two looks. */
  edges?(signal: AbortSignal): Promise<number>;
}
