import type { OutgoingConsole } from "./outgoing-console.js";
import { SendWindow } from "./send-window.js";

/**
 * Whose turn it is on the connection: those that had nothing to say until now go first, and of them those with little;
 * then each in turn a slice, as long as the way has room. What is little is let through even when it has none, up to a
 * bound: it is the echo of somebody who types.
 */
export class FairQueue {
  readonly #window: SendWindow;
  readonly #send: (frame: Buffer) => void;
  readonly #queued = new Set<OutgoingConsole>();
  #typed: OutgoingConsole[] = [];
  #fresh: OutgoingConsole[] = [];
  #steady: OutgoingConsole[] = [];
  #pumping = false;

  constructor(monotonicMs: () => number, send: (frame: Buffer) => void) {
    this.#window = new SendWindow(monotonicMs);
    this.#send = send;
  }

  /** It may have something to send. */
  offer(console: OutgoingConsole): void {
    if (this.#queued.has(console) || !console.ready) return;
    this.#queued.add(console);
    const queue = !console.fresh ? this.#steady : console.interactive ? this.#typed : this.#fresh;
    queue.push(console);
    this.#pump();
  }

  /** @returns false when that cannot be */
  received(totalBytes: number): boolean {
    const right = this.#window.received(totalBytes);
    this.#pump();
    return right;
  }

  #pump(): void {
    // Taking a frame can make the same console ready again.
    if (this.#pumping) return;
    this.#pumping = true;
    for (;;) {
      const next = this.#next();
      if (!next) break;
      this.#queued.delete(next);
      if (!next.ready) continue;
      const { frame, bytes } = next.take();
      this.#window.sent(bytes);
      this.#send(frame);
      if (next.ready && !this.#queued.has(next)) {
        this.#queued.add(next);
        this.#steady.push(next);
      }
    }
    this.#pumping = false;
  }

  #next(): OutgoingConsole | undefined {
    if (this.#typed.length > 0 && this.#window.hasRoom(OVERTAKING_BYTES))
      return this.#typed.shift();
    return this.#window.hasRoom() ? (this.#fresh.shift() ?? this.#steady.shift()) : undefined;
  }
}

const OVERTAKING_BYTES = 65_536;
