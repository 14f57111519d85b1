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
    const at = all.lastIndexOf(this.#wanted);
    const seen = at >= 0;
    // What was seen is not seen again.
    const rest = seen ? all.subarray(at + this.#wanted.length) : all;
    this.#recent = Buffer.from(rest.subarray(Math.max(0, rest.length - this.#wanted.length + 1)));
    return seen;
  }
}
