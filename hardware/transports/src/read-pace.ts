/** What a slow line brings, in bytes per millisecond; what comes faster for a while is heavy. */
const LIGHT_BYTES_PER_MS = 4;
/** So much may come at once and still be handed on at once. */
const BURST_BYTES = 512;

/**
 * Tells heavy output from typing. What a reader costs is the reads, not the bytes: during heavy output it is cheaper to
 * let bytes gather for some milliseconds, while an echo should not wait. A bucket that leaks as fast as a slow line is:
 * a key now and then never fills it, a flood fills it at once, and a pause empties it.
 */
export class ReadPace {
  #level = 0;
  #lastMs = 0;

  /** Counts what was just read. @returns whether the next read should wait a little */
  heavy(bytes: number, nowMs: number): boolean {
    const leaked = (nowMs - this.#lastMs) * LIGHT_BYTES_PER_MS;
    this.#lastMs = nowMs;
    // Never fuller than twice the mark, so that the end of a flood is noticed soon.
    this.#level = Math.min(Math.max(0, this.#level - leaked) + bytes, 2 * BURST_BYTES);
    return this.#level > BURST_BYTES;
  }
}

/** How long heavy output gathers before it is read. */
export const GATHER_MS = 8;
