/**
 * What asks a host to go down in order or to start: its power button, a program on it, its network card. What it cannot do is missing.
 * @throws each method PortError · the signal's reason
 */
export interface ButtonPort extends AsyncDisposable {
  /** One short press, released again also when the call fails or is aborted. */
  press?(signal: AbortSignal): Promise<void>;
  /** Tells the host to shut down, once, and returns when it has said that it will. */
  shutDown?(signal: AbortSignal): Promise<void>;
  /** Tells a host that has halted on a live supply to start; one that runs takes no notice. Nothing says whether it did. */
  wake?(signal: AbortSignal): Promise<void>;
}
