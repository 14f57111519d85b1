import { COMMAND, type Verb } from "./telnet-codes.js";

/** Something that came over a telnet connection, in order. */
export type TelnetEvent =
  | { readonly kind: "data"; readonly bytes: Uint8Array }
  /** A command without an argument, by its number: BRK, AYT, IP … */
  | { readonly kind: "command"; readonly code: number }
  | { readonly kind: "negotiation"; readonly verb: Verb; readonly option: number }
  /** The payload without doubled IACs. */
  | { readonly kind: "subnegotiation"; readonly option: number; readonly payload: Uint8Array }
  /** A subnegotiation that was longer than is allowed; it was thrown away. */
  | { readonly kind: "oversized"; readonly option: number };

export interface TelnetDecoderOptions {
  /** Longest payload of a subnegotiation. Default 1024; what is longer is thrown away as it comes. */
  readonly maxSubnegotiationBytes?: number;
  /**
   * Without BINARY a carriage return is CR NUL and the end of a line CR LF (RFC 854). `keep`: CR NUL becomes CR, CR LF
   * stays. `cr`: both become CR, which is what the Enter key of a terminal means to a console.
   */
  readonly endOfLine?: "keep" | "cr";
}

const { IAC, SB, SE, WILL, WONT, DO, DONT } = COMMAND;
const CR = 13;
const LF = 10;
const NUL = 0;

const VERBS: ReadonlyMap<number, Verb> = new Map([
  [WILL, "will"],
  [WONT, "wont"],
  [DO, "do"],
  [DONT, "dont"],
]);

type State = "data" | "iac" | "verb" | "option" | "payload" | "payload-iac";

/**
 * Takes a telnet connection's bytes apart (RFC 854, RFC 855), however they are split. Holds no more than one
 * subnegotiation; data is handed on as parts of what came in, without a copy.
 */
export class TelnetDecoder {
  /** Whether the far end sends BINARY (RFC 856); set by whoever negotiates. */
  binary = false;
  readonly #maxBytes: number;
  readonly #crOnly: boolean;
  #state: State = "data";
  #afterCr = false;
  #verb: Verb = "will";
  #option = 0;
  #payload: number[] = [];
  #oversized = false;

  constructor(options: TelnetDecoderOptions = {}) {
    this.#maxBytes = options.maxSubnegotiationBytes ?? 1024;
    this.#crOnly = options.endOfLine === "cr";
  }

  /**
   * What the next bytes mean. A generator, so that what an event changes (BINARY) holds for the bytes after it; take
   * all of it before the next call.
   */
  *decode(bytes: Uint8Array): Generator<TelnetEvent, void> {
    let start = 0;
    for (let at = 0; at < bytes.length; at++) {
      const byte = bytes[at] ?? 0;
      if (this.#state === "data") {
        const isIac = byte === IAC;
        if (!isIac && !this.#isFiller(byte)) continue;
        if (at > start) yield { kind: "data", bytes: bytes.subarray(start, at) };
        start = at + 1;
        if (isIac) this.#state = "iac";
      } else if (this.#state === "iac" && byte === IAC) {
        // The second of two is data, and begins what comes next.
        this.#afterCr = false;
        this.#state = "data";
        start = at;
      } else {
        start = at + 1;
        const event = this.#step(byte);
        if (event) yield event;
      }
    }
    if (this.#state === "data" && start < bytes.length) {
      yield { kind: "data", bytes: bytes.subarray(start) };
    }
  }

  /** Whether a byte only completes the carriage return before it. */
  #isFiller(byte: number): boolean {
    const afterCr = this.#afterCr && !this.binary;
    this.#afterCr = byte === CR;
    return afterCr && (byte === NUL || (byte === LF && this.#crOnly));
  }

  #step(byte: number): TelnetEvent | undefined {
    switch (this.#state) {
      case "data":
      case "iac":
        return this.#afterIac(byte);
      case "verb":
        this.#state = "data";
        return { kind: "negotiation", verb: this.#verb, option: byte };
      case "option":
        this.#option = byte;
        this.#payload = [];
        this.#oversized = false;
        this.#state = "payload";
        return undefined;
      case "payload":
        if (byte === IAC) this.#state = "payload-iac";
        else this.#keep(byte);
        return undefined;
      case "payload-iac":
        return this.#afterPayloadIac(byte);
    }
  }

  #afterIac(byte: number): TelnetEvent | undefined {
    const verb = VERBS.get(byte);
    if (verb) {
      this.#verb = verb;
      this.#state = "verb";
      return undefined;
    }
    this.#state = byte === SB ? "option" : "data";
    // An SE that ends nothing, and codes below it that are none, mean nothing.
    if (byte === SB || byte === SE || byte < COMMAND.EOF) return undefined;
    return { kind: "command", code: byte };
  }

  #afterPayloadIac(byte: number): TelnetEvent | undefined {
    if (byte === IAC) {
      this.#state = "payload";
      this.#keep(IAC);
      return undefined;
    }
    // Anything but SE here is a far end that has lost its place: what it began is dropped and it is followed.
    if (byte !== SE) return this.#afterIac(byte);
    this.#state = "data";
    if (this.#oversized) return { kind: "oversized", option: this.#option };
    return {
      kind: "subnegotiation",
      option: this.#option,
      payload: Uint8Array.from(this.#payload),
    };
  }

  #keep(byte: number): void {
    if (this.#payload.length < this.#maxBytes) this.#payload.push(byte);
    else this.#oversized = true;
  }
}
