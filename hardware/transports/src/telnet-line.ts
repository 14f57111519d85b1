import type { Socket } from "node:net";
import type { ConsoleListener } from "@outrider/ports/console-port";
import { milliseconds, type Clock } from "@outrider/ports/time";
import { COMMAND, OPTION } from "@outrider/telnet/telnet-codes";
import { TelnetPeer, type TelnetListener } from "@outrider/telnet/telnet-peer";
import type { OpenLine } from "./reconnecting-line.js";
import { connectStream, streamLine, type StreamSocketOptions } from "./stream-socket.js";

/** What every console wants: bytes as they are, both ways, one at a time, and the echo from over there. */
const OURS = [OPTION.BINARY, OPTION.SUPPRESS_GO_AHEAD];
const THEIRS = [OPTION.BINARY, OPTION.SUPPRESS_GO_AHEAD, OPTION.ECHO];
/** Who has not said by then what they want does not negotiate at all. */
const AGREE_WITHIN = milliseconds(1000);

export interface TelnetLineOptions extends StreamSocketOptions {
  /** Options besides, that are agreed to on either side. */
  readonly also?: readonly number[];
  /** What comes besides data. */
  readonly hear?: Pick<TelnetListener, "changed" | "subnegotiation">;
}

/** A console at the client's end of a telnet connection. */
export class TelnetLine implements OpenLine {
  readonly ended: OpenLine["ended"];
  readonly #raw: OpenLine;
  readonly #peer: TelnetPeer;
  readonly #agreed = Promise.withResolvers<void>();
  /** Where what is to be sent goes while it is being put into its form. */
  #form: Uint8Array[] | undefined;

  private constructor(socket: Socket, options: TelnetLineOptions, listener: ConsoleListener) {
    const { also = [], hear } = options;
    this.#peer = new TelnetPeer({
      us: [...OURS, ...also],
      them: [...THEIRS, ...also],
      send: (bytes) => {
        if (this.#form) this.#form.push(bytes);
        else socket.write(bytes);
      },
      listener: {
        data: ({ buffer, byteOffset, length }) =>
          listener.bytes(Buffer.from(buffer as ArrayBuffer, byteOffset, length)),
        command: (code) => {
          if (code === COMMAND.BRK) listener.broke?.();
        },
        changed: (side, option, on) => {
          if (this.#settled()) this.#agreed.resolve();
          hear?.changed?.(side, option, on);
        },
        subnegotiation: (option, payload) => hear?.subnegotiation?.(option, payload),
      },
    });
    const wire: ConsoleListener = {
      ...silent(listener),
      bytes: (chunk) => this.#peer.receive(chunk),
    };
    this.#raw = streamLine(socket, options, wire);
    this.ended = this.#raw.ended;
    for (const option of OURS) this.#peer.want("us", option);
    for (const option of THEIRS) this.#peer.want("them", option);
  }

  /** Connects, and waits a little for what the other side agrees to. @throws PortError · the signal's reason */
  static async open(
    options: TelnetLineOptions,
    listener: ConsoleListener,
    signal: AbortSignal,
  ): Promise<TelnetLine> {
    const line = new TelnetLine(await connectStream(options, signal), options, listener);
    try {
      await line.#agree(options.clock, signal);
      return line;
    } catch (error) {
      await line[Symbol.asyncDispose]();
      throw error;
    }
  }

  want(side: "us" | "them", option: number): void {
    this.#peer.want(side, option);
  }

  subnegotiate(option: number, payload: Uint8Array): void {
    this.#peer.subnegotiate(option, payload);
  }

  write(piece: Uint8Array, signal: AbortSignal): Promise<void> {
    return this.#raw.write(
      this.#formed(() => this.#peer.write(piece)),
      signal,
    );
  }

  /** Takes nothing unless the far side takes bytes as they are: what a byte looks like depends on the one before, else. */
  writeNow(piece: Uint8Array): number {
    if (!this.#peer.isOn("us", OPTION.BINARY)) return 0;
    const formed = this.#formed(() => this.#peer.write(piece));
    return this.#raw.writeNow?.(formed) === formed.length ? piece.length : 0;
  }

  /** The far side decides how long it is. */
  sendBreak(signal: AbortSignal): Promise<void> {
    return this.#raw.write(
      this.#formed(() => this.#peer.command(COMMAND.BRK)),
      signal,
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#raw[Symbol.asyncDispose]();
  }

  #formed(work: () => void): Uint8Array {
    const form: Uint8Array[] = [];
    this.#form = form;
    try {
      work();
    } finally {
      this.#form = undefined;
    }
    return form.length === 1 ? (form[0] ?? new Uint8Array()) : Buffer.concat(form);
  }

  #settled(): boolean {
    return (["us", "them"] as const).every((side) => !this.#peer.isPending(side, OPTION.BINARY));
  }

  async #agree(clock: Clock, signal: AbortSignal): Promise<void> {
    const enough = new AbortController();
    const given = AbortSignal.any([signal, enough.signal]);
    const late = clock.sleep(AGREE_WITHIN, given).catch(() => signal.throwIfAborted());
    try {
      const lost = this.ended.then((error) => Promise.reject(error));
      await Promise.race([this.#agreed.promise, late, lost]);
    } finally {
      enough.abort();
    }
  }
}

function silent(listener: ConsoleListener): ConsoleListener {
  return { bytes: () => {}, lost: (loss) => listener.lost(loss), link: () => {} };
}
