/** The reset line of one node. */
export interface ResetPort extends AsyncDisposable {
  /**
   * Resets the node once and returns when the line is released again, which it also is when the call fails or is
   * aborted. Whether the host came up is for others to see.
   * @throws PortError · the signal's reason
   */
  reset(signal: AbortSignal): Promise<void>;
}
