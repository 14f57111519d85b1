import type {
  ConsoleAddress,
  ConsoleCondition,
  ConsoleRequest,
  StreamSource,
} from "./console-stream.js";

/** A console as the agent offers it to the link: its spool on the way out, its device on the way in. */
export interface ConsoleLine {
  readonly address: ConsoleAddress;
  readonly source: StreamSource;
  condition(): ConsoleCondition;
  /** Calls back at every change. */
  onCondition(callback: (condition: ConsoleCondition) => void): Disposable;
  /**
   * Resolves when the device has taken the bytes. One call at a time, `request` included.
   * @throws an error whose `code` is that of a LinkError or a PortError; any other counts as `failed`
   */
  write(bytes: Uint8Array, signal: AbortSignal): Promise<void>;
  /**
   * What of it the device takes at once, without waiting. Only while no `write` and no `request` is under way.
   * @returns how many of the bytes, from the first on; the rest is for `write`
   * @throws as `write`
   */
  writeNow?(bytes: Uint8Array): number;
  request(request: ConsoleRequest, signal: AbortSignal): Promise<void>;
}
