import type { Writable } from "node:stream";

/** More than this under way, and no more is taken until the far end has read. */
const MAX_UNDER_WAY_BYTES = 65_536;
/** Who asks for so much without reading any of it means no good; answers to commands do not wait for room. */
const MOST_UNDER_WAY_BYTES = 4 * 1_048_576;

/**
 * Writes to a stream whose far end may read slowly, or never: what is under way is counted, so that a stream with a
 * large buffer of its own (an SSH channel has 2 MiB) is held to the same bound as a socket.
 */
export class StreamOutput {
  readonly #stream: Writable;
  readonly #carrier: Writable;
  #underWayBytes = 0;
  #waiting: (() => void)[] = [];

  /** @param carrier the socket below, where the stream does not wait for it */
  constructor(stream: Writable, carrier: Writable = stream) {
    this.#stream = stream;
    this.#carrier = carrier;
    carrier.on("drain", () => this.#drained());
  }

  /** @returns whether more may come at once */
  write(bytes: Uint8Array): boolean {
    if (!this.#stream.writable) return true;
    if (this.#underWayBytes + bytes.length > MOST_UNDER_WAY_BYTES) {
      this.#stream.destroy();
      return true;
    }
    this.#underWayBytes += bytes.length;
    this.#stream.write(bytes, () => {
      this.#underWayBytes -= bytes.length;
      this.#drained();
    });
    return this.#hasRoom();
  }

  /** Calls back, once, when more may come. */
  onDrain(callback: () => void): void {
    this.#waiting.push(callback);
    if (this.#hasRoom()) queueMicrotask(() => this.#drained());
  }

  #drained(): void {
    if (this.#waiting.length === 0 || !this.#hasRoom()) return;
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const callback of waiting) callback();
  }

  #hasRoom(): boolean {
    const carried = this.#carrier === this.#stream ? 0 : this.#carrier.writableLength;
    return this.#underWayBytes + carried < MAX_UNDER_WAY_BYTES;
  }
}
