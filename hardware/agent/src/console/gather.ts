import { milliseconds, type Clock, type Duration } from "@outrider/contracts/clock";

/** What reads are gathered for. */
export const GATHER: Duration = milliseconds(5);
const GATHER_MICROS = GATHER * 1000;
/** So much is handed on before its time. */
const FULL_BYTES = 32_768;
/** What each piece counts for beside its bytes: handing it on costs more than a few bytes do. */
const PIECE_BYTES = 8;
/** A console that goes on saying more than this is gathered: not one that echoes keys, however fast they come. */
const LIGHT_BYTES_PER_MS = 10;
/** So much may come at once before: a line, or the answer to a cursor key. */
const BURST_BYTES = 512;

/**
 * Gathers what many consoles say into few pieces: what is little goes on at once, and so does the first of much, but
 * what follows that goes on at the next tick. The consoles share their ticks, so that busy ones cost one turn together
 * and not one each; nothing ticks while none says much.
 */
export class Gatherer {
  readonly #clock: Clock;
  readonly #busy = new Set<Gather>();
  #stop: (() => void) | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** @param hand takes a piece, and when its first byte came */
  of(hand: (bytes: Buffer, atMicros: number) => void): Gather {
    return new Gather(hand, (gather) => {
      this.#busy.add(gather);
      this.#stop ??= this.#clock.every(GATHER, () => this.#tick());
    });
  }

  #tick(): void {
    for (const gather of this.#busy) {
      if (!gather.tick()) this.#busy.delete(gather);
    }
    if (this.#busy.size > 0) return;
    this.#stop?.();
    this.#stop = undefined;
  }
}

/** What one console says. */
export class Gather {
  readonly #hand: (bytes: Buffer, atMicros: number) => void;
  readonly #wake: (gather: Gather) => void;
  #pieces: Uint8Array[] = [];
  #bytes = 0;
  #sinceMicros = 0;
  #ticking = false;
  /** Of a bucket that leaks as fast as what is little comes. */
  #level = 0;
  #pushedMicros = 0;
  #handedMicros = 0;

  constructor(hand: (bytes: Buffer, atMicros: number) => void, wake: (gather: Gather) => void) {
    this.#hand = hand;
    this.#wake = wake;
  }

  push(bytes: Uint8Array, atMicros: number): void {
    if (bytes.length === 0) return;
    if (this.#pieces.length === 0) this.#sinceMicros = atMicros;
    this.#pieces.push(bytes);
    this.#bytes += bytes.length;
    const isMuch = this.#isMuch(bytes.length, atMicros);
    const isDue = !this.#ticking && atMicros - this.#handedMicros >= GATHER_MICROS;
    if (!isMuch || isDue || this.#bytes >= FULL_BYTES) {
      this.#handedMicros = atMicros;
      this.flush();
    } else if (!this.#ticking) {
      this.#ticking = true;
      this.#wake(this);
    }
  }

  #isMuch(bytes: number, atMicros: number): boolean {
    const leaked = ((atMicros - this.#pushedMicros) * LIGHT_BYTES_PER_MS) / 1000;
    this.#pushedMicros = atMicros;
    // Never fuller than twice the mark, so that the end of a flood is noticed soon.
    const level = Math.max(0, this.#level - leaked) + bytes + PIECE_BYTES;
    this.#level = Math.min(level, 2 * BURST_BYTES);
    return level > BURST_BYTES;
  }

  /** Hands on what there is, before something that is no byte. */
  flush(): void {
    if (this.#pieces.length === 0) return;
    const bytes = joined(this.#pieces);
    this.#pieces = [];
    this.#bytes = 0;
    this.#hand(bytes, this.#sinceMicros);
  }

  /** @returns whether it wants another tick */
  tick(): boolean {
    this.#ticking = this.#pieces.length > 0;
    this.flush();
    return this.#ticking;
  }
}

/** Of its own, so that a few bytes do not hold on to the large buffer that they were read into. */
function joined(pieces: readonly Uint8Array[]): Buffer {
  const [only] = pieces;
  if (pieces.length > 1 || !only) return Buffer.concat(pieces);
  return only.length * 2 < only.buffer.byteLength
    ? Buffer.from(only)
    : Buffer.from(only.buffer, only.byteOffset, only.length);
}
