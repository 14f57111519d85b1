import { OPTION } from "./telnet-codes.js";
import { TelnetDecoder, type TelnetDecoderOptions } from "./telnet-decoder.js";
import {
  commandBytes,
  negotiationBytes,
  subnegotiationBytes,
  TelnetEncoder,
} from "./telnet-encoder.js";
import { OptionNegotiation, type Negotiated, type Side } from "./option-negotiation.js";

/** What one end of a telnet connection is told, in the order in which it came. */
export interface TelnetListener {
  data(bytes: Uint8Array): void;
  /** BRK, AYT, IP and the like, by number. */
  command?(code: number): void;
  /** An option was switched on or off, or was asked for and refused. */
  changed?(side: Side, option: number, on: boolean): void;
  subnegotiation?(option: number, payload: Uint8Array): void;
}

export interface TelnetPeerOptions extends TelnetDecoderOptions {
  /** Options that this end agrees to have on its own side, and on the far end's. All others are refused. */
  readonly us?: readonly number[];
  readonly them?: readonly number[];
  readonly listener: TelnetListener;
  /** Takes bytes for the wire. */
  readonly send: (bytes: Uint8Array) => void;
}

/**
 * One end of a telnet connection, server or client, without the connection: bytes of the wire go in at `receive` and
 * come out at `send`. Negotiates by RFC 1143 and switches its own codecs with BINARY.
 */
export class TelnetPeer {
  readonly #decoder: TelnetDecoder;
  readonly #encoder = new TelnetEncoder();
  readonly #options: OptionNegotiation;
  readonly #listener: TelnetListener;
  readonly #send: (bytes: Uint8Array) => void;

  constructor({ us = [], them = [], listener, send, ...decoding }: TelnetPeerOptions) {
    this.#decoder = new TelnetDecoder(decoding);
    this.#options = new OptionNegotiation({ us, them });
    this.#listener = listener;
    this.#send = send;
  }

  isOn(side: Side, option: number): boolean {
    return this.#options.isOn(side, option);
  }

  isPending(side: Side, option: number): boolean {
    return this.#options.isPending(side, option);
  }

  /** Asks for an option to be on or off. */
  want(side: Side, option: number, on = true): void {
    this.#apply(this.#options.want(side, option, on));
  }

  /** Sends data. */
  write(bytes: Uint8Array): void {
    if (bytes.length > 0) this.#send(this.#encoder.data(bytes));
  }

  command(code: number): void {
    this.#send(commandBytes(code));
  }

  subnegotiate(option: number, payload: Uint8Array): void {
    this.#send(subnegotiationBytes(option, payload));
  }

  /** Takes bytes of the wire. What it causes is told and sent before it returns. */
  receive(bytes: Uint8Array): void {
    for (const event of this.#decoder.decode(bytes)) {
      switch (event.kind) {
        case "data":
          this.#listener.data(event.bytes);
          break;
        case "command":
          this.#listener.command?.(event.code);
          break;
        case "negotiation":
          this.#apply(this.#options.receive(event.verb, event.option));
          break;
        case "subnegotiation":
          this.#listener.subnegotiation?.(event.option, event.payload);
          break;
        case "oversized":
          break;
      }
    }
  }

  #apply({ send, changed }: Negotiated): void {
    // The far end's next bytes are read, and ours written, by what the answer says.
    if (changed?.option === OPTION.BINARY) {
      if (changed.side === "us") this.#encoder.binary = changed.on;
      else this.#decoder.binary = changed.on;
    }
    if (send) this.#send(negotiationBytes(send.verb, send.option));
    if (changed) this.#listener.changed?.(changed.side, changed.option, changed.on);
  }
}
