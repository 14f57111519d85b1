/** What was typed up to the next command, told apart from what is meant for Outrider. */
export interface Keys {
  /** For the machine. */
  readonly typed: Buffer;
  /** The key after the escape, after which nothing more was taken. */
  readonly command?: string;
  /** Bytes that were taken. */
  readonly used: number;
}

const CR = 0x0d;
const LF = 0x0a;

/** The bytes of an escape that fits ESCAPE_PATTERN: `^Ec`, `~`. Empty for `none`. */
export function escapeBytes(text: string): Buffer {
  if (text === "none") return Buffer.alloc(0);
  const bytes: number[] = [];
  for (let at = 0; at < text.length; at += 1) {
    const next = text.charCodeAt(at + 1);
    if (text[at] === "^" && !Number.isNaN(next)) {
      bytes.push(text[at + 1] === "?" ? 0x7f : next & 0x1f);
      at += 1;
    } else bytes.push(text.charCodeAt(at));
  }
  return Buffer.from(bytes);
}

/**
 * Finds the escape in what is typed, however it is split. One that begins with a printable character counts at the
 * beginning of a line only, as that of ssh. Twice its first key after it sends the escape itself.
 */
export class EscapeKeys {
  readonly #escape: Buffer;
  readonly #atLineStartOnly: boolean;
  #matched = 0;
  #atLineStart = true;

  constructor(escape: string) {
    this.#escape = escapeBytes(escape);
    this.#atLineStartOnly = (this.#escape[0] ?? 0) >= 0x20 && this.#escape[0] !== 0x7f;
  }

  /** Whether it begins with a control character, and so is never part of a text. */
  get standsApart(): boolean {
    return this.#escape.length > 0 && !this.#atLineStartOnly;
  }

  /** Takes what was typed, up to the first command. */
  take(bytes: Uint8Array): Keys {
    const escape = this.#escape;
    if (escape.length === 0) return { typed: Buffer.from(bytes), used: bytes.length };
    const typed: number[] = [];
    for (const [at, byte] of bytes.entries()) {
      if (this.#matched === escape.length) {
        this.#matched = 0;
        // After a command the next one may follow, as with ssh.
        this.#atLineStart = byte !== escape[0];
        if (byte !== escape[0]) {
          const command = String.fromCharCode(byte);
          return { typed: Buffer.from(typed), command, used: at + 1 };
        }
        typed.push(...escape);
        continue;
      }
      if (byte === escape[this.#matched] && this.#mayMatch()) {
        this.#matched += 1;
        continue;
      }
      typed.push(...escape.subarray(0, this.#matched));
      this.#matched = 0;
      if (byte === escape[0] && this.#mayMatch()) this.#matched = 1;
      else typed.push(byte);
      this.#atLineStart = byte === CR || byte === LF;
    }
    return { typed: Buffer.from(typed), used: bytes.length };
  }

  #mayMatch(): boolean {
    return this.#matched > 0 || !this.#atLineStartOnly || this.#atLineStart;
  }
}
