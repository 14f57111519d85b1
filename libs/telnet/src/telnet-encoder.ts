import { COMMAND, VERB_CODE, type Verb } from "./telnet-codes.js";

const { IAC, SB, SE } = COMMAND;
const CR = 13;
const LF = 10;
const NUL = 0;

/** Puts what is sent over a telnet connection into its form (RFC 854, RFC 855). */
export class TelnetEncoder {
  /** Whether this end sends BINARY (RFC 856); set by whoever negotiates. */
  binary = false;
  #afterCr = false;

  /**
   * Data with each IAC doubled and, without BINARY, a NUL after each carriage return that no line feed follows. The
   * NUL after a carriage return at the end is sent before what comes next, so that a CR LF that is split stays one.
   */
  data(bytes: Uint8Array): Uint8Array {
    if (bytes.length === 0) return bytes;
    let more = 0;
    for (let at = 0; at < bytes.length; at++) {
      if (bytes[at] === IAC) more += 1;
      if (this.#needsNul(bytes, at)) more += 1;
    }
    const lastIsCr = bytes.at(-1) === CR;
    if (more === 0) {
      this.#afterCr = lastIsCr;
      return bytes;
    }
    const out = new Uint8Array(bytes.length + more);
    let to = 0;
    for (let at = 0; at < bytes.length; at++) {
      const byte = bytes[at] ?? 0;
      if (this.#needsNul(bytes, at)) out[to++] = NUL;
      if (byte === IAC) out[to++] = IAC;
      out[to++] = byte;
    }
    this.#afterCr = lastIsCr;
    return out;
  }

  #needsNul(bytes: Uint8Array, at: number): boolean {
    if (this.binary || bytes[at] === LF) return false;
    return at === 0 ? this.#afterCr : bytes[at - 1] === CR;
  }
}

/** IAC and a command that takes no argument. */
export function commandBytes(code: number): Uint8Array {
  return Uint8Array.of(IAC, code);
}

export function negotiationBytes(verb: Verb, option: number): Uint8Array {
  return Uint8Array.of(IAC, VERB_CODE[verb], option);
}

/** IAC SB … IAC SE around a payload, in which each IAC is doubled (RFC 855). */
export function subnegotiationBytes(option: number, payload: Uint8Array): Uint8Array {
  const escaped: number[] = [];
  for (const byte of payload) {
    escaped.push(byte);
    if (byte === IAC) escaped.push(IAC);
  }
  return Uint8Array.of(IAC, SB, option, ...escaped, IAC, SE);
}
