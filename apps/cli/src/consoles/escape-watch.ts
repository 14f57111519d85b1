const CR = 0x0d;
const LF = 0x0a;
const CONTROL = /\^([A-Z[\]\\^_?])/g;

/** The bytes of an escape as people write it: `^Ec` is Ctrl-E and c. */
export function escapeBytes(text: string): Buffer {
  return Buffer.from(
    text.replaceAll(CONTROL, (_, letter: string) =>
      letter === "?" ? "\u007f" : String.fromCharCode(letter.charCodeAt(0) - 64),
    ),
    "latin1",
  );
}

/** Sees in what is typed, however it is cut, that somebody wants to leave: the escape, then a full stop. */
export class EscapeWatch {
  readonly #wanted: Buffer;
  #recent = Buffer.alloc(0);

  /** @param escape as people write it */
  constructor(escape: string) {
    this.#wanted = Buffer.concat([escapeBytes(escape), Buffer.from(".")]);
  }

  /** @returns whether it has just been typed */
  typed(bytes: Uint8Array): boolean {
    const all = Buffer.concat([this.#recent, bytes]);
    const at = this.#lastIn(all);
    const seen = at >= 0;
    // What was seen is not seen again.
    const rest = seen ? all.subarray(at + this.#wanted.length) : all;
    // One byte more than the escape has: what stands before it says whether it counts.
    this.#recent = Buffer.from(rest.subarray(Math.max(0, rest.length - this.#wanted.length)));
    return seen;
  }

  /** One that begins with a printable character counts at the beginning of a line only, as at the far end. */
  #lastIn(all: Buffer): number {
    const [first = 0] = this.#wanted;
    const isPrintable = first >= 0x20 && first !== 0x7f;
    // What ended before was looked at then.
    const least = Math.max(0, this.#recent.length - this.#wanted.length + 1);
    for (
      let at = all.lastIndexOf(this.#wanted);
      at >= least;
      at = all.lastIndexOf(this.#wanted, at - 1)
    ) {
      const before = all[at - 1];
      if (!isPrintable || before === undefined || before === CR || before === LF) return at;
      if (at === 0) break;
    }
    return -1;
  }
}
