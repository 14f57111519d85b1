import type { SimClock } from "./sim-clock.js";

/** How often a paced line moves on. */
const STEP_MS = 10;
/** Between two pieces of a long text, so that a machine with an unpaced line leaves time for others. */
const PIECE_MS = 1;

/** What a machine says, in order, as fast as its line is: paced by the clock, or at once. */
export class PacedOutput {
  #queue: Buffer[] = [];
  #pouring: { readonly pieces: Iterator<string | Buffer>; readonly done: () => void } | undefined;
  #cancel: (() => void) | undefined;
  #owedBytes = 0;
  #lastMs = 0;

  /** @param bytesPerSecond 0: not paced */
  constructor(
    private readonly clock: SimClock,
    private readonly bytesPerSecond: number,
    private readonly send: (bytes: Buffer) => void,
  ) {}

  write(bytes: Buffer): void {
    if (this.bytesPerSecond === 0) return this.send(bytes);
    this.#queue.push(bytes);
    this.#begin();
  }

  /** Says a long text piece by piece, each when the one before is out; `done` is called at its end, however it ended, unless it was cleared. */
  pour(pieces: Iterable<string | Buffer>, done: () => void): { interrupt(): void } {
    const pouring = { pieces: pieces[Symbol.iterator](), done };
    this.#pouring = pouring;
    this.#begin();
    return {
      interrupt: () => {
        if (this.#pouring === pouring) this.#endPour();
      },
    };
  }

  /** Forgets what has not yet been said. */
  clear(): void {
    this.#cancel?.();
    this.#cancel = undefined;
    this.#queue = [];
    this.#pouring = undefined;
  }

  #begin(): void {
    if (this.#cancel) return;
    this.#owedBytes = 0;
    this.#lastMs = this.clock.monotonicMs();
    this.#arm();
  }

  #arm(): void {
    const ms = this.bytesPerSecond === 0 ? PIECE_MS : STEP_MS;
    this.#cancel = this.clock.after(ms, () => {
      this.#cancel = undefined;
      this.#step();
      if (this.#queue.length > 0 || this.#pouring) this.#arm();
    });
  }

  #step(): void {
    if (this.bytesPerSecond === 0) {
      const piece = this.#nextPiece();
      if (piece) this.send(piece);
      return;
    }
    const nowMs = this.clock.monotonicMs();
    this.#owedBytes += ((nowMs - this.#lastMs) * this.bytesPerSecond) / 1000;
    this.#lastMs = nowMs;
    const out: Buffer[] = [];
    for (let left = Math.floor(this.#owedBytes); left > 0;) {
      const next = this.#queue.shift() ?? this.#nextPiece();
      if (!next) {
        this.#owedBytes = 0;
        break;
      }
      const now = next.subarray(0, left);
      if (now.length < next.length) this.#queue.unshift(next.subarray(left));
      out.push(now);
      left -= now.length;
      this.#owedBytes -= now.length;
    }
    if (out.length > 0) this.send(Buffer.concat(out));
  }

  #nextPiece(): Buffer | undefined {
    const next = this.#pouring?.pieces.next();
    if (!next) return undefined;
    if (next.done !== true)
      return typeof next.value === "string" ? Buffer.from(next.value) : next.value;
    this.#endPour();
    return this.#queue.shift();
  }

  #endPour(): void {
    const pouring = this.#pouring;
    this.#pouring = undefined;
    pouring?.done();
  }
}
