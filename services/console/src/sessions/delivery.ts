import type { ConsoleTold } from "@outrider/contracts/console-attach";
import type { Viewer } from "./attachment.js";

/** What waits for a viewer that is slow. */
export const BACKLOG_BYTES = 262_144;

/**
 * Hands bytes to one viewer and never waits for it. What a viewer does not take in time is kept up to
 * {@link BACKLOG_BYTES}; beyond that it is left out until the viewer drains, which is then told how much it missed and
 * goes on with the present.
 */
export class Delivery {
  readonly #waiting: (Buffer | ConsoleTold)[] = [];
  #waitingBytes = 0;
  #blocked = false;
  #skipping = false;
  #skippedNow = 0;
  #drained: (() => void) | undefined;
  #ended = false;
  /** Bytes that were left out, since the beginning. */
  skippedBytes = 0;

  constructor(private readonly viewer: Viewer) {}

  /** Whether the viewer has everything and takes more. */
  get ready(): boolean {
    return !this.#blocked;
  }

  /** What came just now. */
  bytes(chunk: Buffer): void {
    if (chunk.length === 0 || this.#ended) return;
    if (!this.#blocked) return this.#put(chunk);
    if (this.#skipping || this.#waitingBytes + chunk.length > BACKLOG_BYTES) {
      this.#skipping = true;
      this.#skippedNow += chunk.length;
      this.skippedBytes += chunk.length;
      return;
    }
    this.#waitingBytes += chunk.length;
    this.#waiting.push(chunk);
  }

  /** Something that has its place between bytes. */
  between(told: ConsoleTold): void {
    if (this.#ended) return;
    if (this.#waiting.length > 0 && this.#waiting.length < 1000) this.#waiting.push(told);
    else this.viewer.told(told);
  }

  /** Resolves when the viewer takes more, or it has ended. For what is read at the viewer's own pace. */
  async room(): Promise<void> {
    while (this.#blocked && !this.#ended) {
      await new Promise<void>((resolve) => {
        this.#drained = resolve;
      });
    }
  }

  /** Nothing is handed over any more. */
  end(): void {
    this.#ended = true;
    this.#waiting.length = 0;
    this.#drained?.();
  }

  #put(chunk: Buffer): void {
    if (this.viewer.bytes(chunk)) return;
    this.#blocked = true;
    this.viewer.onDrain(() => this.#flush());
  }

  #flush(): void {
    this.#blocked = false;
    while (this.#waiting.length > 0 && !this.#blocked && !this.#ended) {
      const next = this.#waiting.shift();
      if (!next) break;
      if ("told" in next) this.viewer.told(next);
      else {
        this.#waitingBytes -= next.length;
        this.#put(next);
      }
    }
    if (this.#blocked || this.#ended) return;
    if (this.#skipping) {
      const bytes = this.#skippedNow;
      this.#skipping = false;
      this.#skippedNow = 0;
      this.viewer.told({
        told: "skipped",
        bytes,
        text: `${bytes} bytes were left out because they were not taken in time; the log has them`,
      });
    }
    const drained = this.#drained;
    this.#drained = undefined;
    drained?.();
  }
}
