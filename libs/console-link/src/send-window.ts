/**
 * How many bytes may be under way over one connection. Little where the way is slow, so that what is typed now does not
 * wait behind what is old in buffers that nobody can reorder; much where it is fast. Halved when bytes take longer than
 * the least time seen and {@link TARGET_MS}, widened while they do not. As in LEDBAT (RFC 6817, 2.4.2) the quickest of
 * the last few counts: one turn of a busy process is no queue.
 */
export class SendWindow {
  #windowBytes = 131_072;
  #sentBytes = 0;
  #receivedBytes = 0;
  #leastMs = Number.POSITIVE_INFINITY;
  #shrunkAt = 0;
  readonly #latelyMs: number[] = [];
  /** Where the stream stood when, to know how long what has arrived was under way. */
  readonly #marks: { readonly bytes: number; readonly atMs: number }[] = [];

  constructor(readonly monotonicMs: () => number) {}

  get windowBytes(): number {
    return this.#windowBytes;
  }

  get underWayBytes(): number {
    return this.#sentBytes - this.#receivedBytes;
  }

  /** @param extraBytes what may be sent beyond the window */
  hasRoom(extraBytes = 0): boolean {
    return this.underWayBytes < this.#windowBytes + extraBytes;
  }

  sent(bytes: number): void {
    this.#sentBytes += bytes;
    const last = this.#marks.at(-1);
    if (!last || this.#sentBytes - last.bytes >= MARK_BYTES) {
      this.#marks.push({ bytes: this.#sentBytes, atMs: this.monotonicMs() });
    }
  }

  /** @param totalBytes on this connection @returns false when that cannot be */
  received(totalBytes: number): boolean {
    if (totalBytes < this.#receivedBytes || totalBytes > this.#sentBytes) return false;
    this.#receivedBytes = totalBytes;
    let newest: { readonly bytes: number; readonly atMs: number } | undefined;
    while ((this.#marks[0]?.bytes ?? Number.POSITIVE_INFINITY) <= totalBytes) {
      newest = this.#marks.shift();
    }
    if (newest) this.#adapt(this.monotonicMs() - newest.atMs);
    return true;
  }

  #adapt(tookMs: number): void {
    // What is still under way from before was sent by the old measure.
    if (this.#receivedBytes < this.#shrunkAt) return;
    // It grows again slowly: the way may have become a longer one.
    this.#leastMs = Math.min(this.#leastMs * 1.01, tookMs);
    this.#latelyMs.push(tookMs);
    if (this.#latelyMs.length > LATELY) this.#latelyMs.shift();
    const nowMs = Math.min(...this.#latelyMs);
    if (nowMs <= this.#leastMs + TARGET_MS) {
      this.#windowBytes = Math.min(LARGEST_BYTES, this.#windowBytes + MARK_BYTES);
    } else if (this.#latelyMs.length === LATELY) {
      // With so little under way it is not what waits here that takes time: the way itself, or a busy far end, does.
      if (this.#windowBytes === SMALLEST_BYTES) this.#leastMs = nowMs - TARGET_MS;
      this.#windowBytes = Math.max(SMALLEST_BYTES, Math.floor(this.#windowBytes / 2));
      this.#shrunkAt = this.#sentBytes;
      this.#latelyMs.length = 0;
    }
  }
}

/** Times that the quickest is taken of. */
const LATELY = 4;
const TARGET_MS = 50;
const MARK_BYTES = 16_384;
const SMALLEST_BYTES = 32_768;
const LARGEST_BYTES = 1_048_576;
/** So often the other end says how much has arrived. */
export const RECEIVED_EVERY_BYTES = 16_384;
