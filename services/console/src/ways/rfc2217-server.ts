import type { Socket } from "node:net";
import type { NodeId } from "@outrider/contracts/ids";
import {
  comPortPayload,
  LINE_STATE,
  readComPort,
  type ComPortMessage,
} from "@outrider/telnet/com-port";
import { COMMAND, OPTION } from "@outrider/telnet/telnet-codes";
import { TelnetPeer } from "@outrider/telnet/telnet-peer";
import { AttachRefused, type Attachment, type Viewer } from "../sessions/attachment.js";
import { isFromBrowser } from "./browser-guard.js";
import { ComPortServer } from "./com-port-server.js";
import { farAddress, visitorFrom } from "./far-address.js";
import { endGently } from "./gentle-end.js";
import { pumpInput } from "./input-pump.js";
import type { WayParts } from "./raw-server.js";
import { afterFirstRead, leaveOnceTyped } from "./parting.js";
import { StreamOutput } from "./stream-output.js";
import { TypingWish } from "./typing-wish.js";

const { BINARY, ECHO, SUPPRESS_GO_AHEAD, COM_PORT } = OPTION;

/**
 * Serves a console as a serial port over TCP (RFC 2217): its exact bytes, its line settings, breaks, control lines and
 * modem lines. A telnet client that does not know the option has a plain telnet console.
 */
export function serveRfc2217(socket: Socket, node: NodeId, parts: WayParts): void {
  const connection = new ComPortConnection(socket, node, parts);
  connection.begin();
}

class ComPortConnection implements Viewer {
  readonly #socket: Socket;
  readonly #node: NodeId;
  readonly #parts: WayParts;
  readonly #from: string;
  readonly #output: StreamOutput;
  readonly #wish: TypingWish;
  readonly #peer: TelnetPeer;
  #taken: Promise<void> = Promise.resolve();
  /** Messages with nothing between them, whose turn it is not yet. */
  #asked: ComPortMessage[] | undefined;
  #attachment: Attachment | undefined;
  #server: ComPortServer | undefined;
  #attaching: Promise<void> = Promise.resolve();
  #begun = false;
  #suspended = false;
  /** What came after a suspension was asked for: one piece, after which the console waits. */
  readonly #held: Uint8Array[] = [];
  readonly #onResume: (() => void)[] = [];

  constructor(socket: Socket, node: NodeId, parts: WayParts) {
    this.#socket = socket;
    this.#node = node;
    this.#parts = parts;
    this.#from = farAddress(socket);
    this.#output = new StreamOutput(socket);
    this.#wish = new TypingWish(parts.clock);
    this.#peer = new TelnetPeer({
      us: [BINARY, ECHO, SUPPRESS_GO_AHEAD, COM_PORT],
      them: [BINARY, SUPPRESS_GO_AHEAD, COM_PORT],
      endOfLine: "cr",
      send: (bytes) => void (this.#room = this.#output.write(bytes)),
      listener: {
        data: (bytes) => this.#next(() => this.#typed(bytes)),
        command: (code) => this.#command(code),
        changed: (_side, option, on) => {
          if (option === COM_PORT && on) void this.#attaching.then(() => this.#server?.begin());
        },
        subnegotiation: (option, payload) => {
          if (option === COM_PORT) this.#comPort(payload);
        },
      },
    });
  }
  #room = true;
  /** Nobody is there any more, and all was typed. */
  #left = false;

  begin(): void {
    this.#attaching = this.#attach();
    afterFirstRead(() => this.#greet());
    const taken = pumpInput(this.#socket, async (bytes) => {
      if (!this.#begun && isFromBrowser(bytes)) {
        this.#parts.log.warn(
          { node: this.#node, way: "rfc2217", from: this.#from },
          "a web browser was cut off before it typed anything",
        );
        this.#socket.destroy();
        return;
      }
      this.#begun = true;
      this.#peer.receive(bytes);
      await Promise.all([this.#taken, this.#attaching]);
    });
    leaveOnceTyped(this.#socket, this.#parts.clock, taken, () => {
      this.#left = true;
      endGently(this.#socket, this.#parts.clock);
      this.#attachment?.detach();
    });
  }

  #greet(): void {
    // In one piece: the second would be an error where the client is gone.
    this.#socket.cork();
    this.#peer.want("us", SUPPRESS_GO_AHEAD);
    this.#peer.want("them", SUPPRESS_GO_AHEAD);
    this.#peer.want("us", ECHO);
    this.#peer.want("us", BINARY);
    this.#peer.want("them", BINARY);
    this.#peer.want("them", COM_PORT);
    this.#socket.uncork();
  }

  bytes(chunk: Uint8Array): boolean {
    if (this.#suspended) {
      this.#held.push(chunk);
      return false;
    }
    this.#peer.write(chunk);
    return this.#room;
  }

  onDrain(callback: () => void): void {
    this.#output.onDrain(() => {
      if (this.#suspended) this.#onResume.push(callback);
      else callback();
    });
  }

  told({ told }: { readonly told: string }): void {
    if (told === "bye") endGently(this.#socket, this.#parts.clock);
    else if (told === "gap") this.#server?.lineState(LINE_STATE.overrun);
  }

  modem(lines: Parameters<ComPortServer["modem"]>[0]): void {
    this.#server?.modem(lines);
  }

  broke(): void {
    this.#server?.lineState(LINE_STATE.breakDetect);
  }

  async #attach(): Promise<void> {
    const { door, log, clock } = this.#parts;
    const visitor = visitorFrom(this.#from, this.#node, "rfc2217");
    const options = { mode: "write", replay: "none", raw: true } as const;
    try {
      const attachment = await door.attach(this.#node, visitor, options, this);
      if (this.#left) return attachment.detach();
      this.#server = new ComPortServer(attachment, `Outrider ${this.#node}`, (message) => {
        // A plain telnet client would show it as rubbish.
        if (!this.#speaksComPort()) return;
        this.#peer.subnegotiate(COM_PORT, comPortPayload("server", message));
      });
      this.#attachment = attachment;
    } catch (error) {
      if (!(error instanceof AttachRefused)) throw error;
      const { node, from } = { node: this.#node, from: this.#from };
      log.info({ node, way: "rfc2217", from, code: error.code }, "a connection was not let in");
      endGently(this.#socket, clock);
    }
  }

  async #typed(bytes: Uint8Array): Promise<void> {
    if (!this.#attachment) return;
    await this.#wish.before(this.#attachment);
    await this.#attachment.input(bytes);
  }

  #command(code: number): void {
    if (code === COMMAND.AYT) this.#peer.write(Buffer.from("\r\n[outrider: yes]\r\n"));
    // In its place among what is typed.
    else if (code === COMMAND.BRK) {
      this.#next(async () => void (await this.#attachment?.ask({ ask: "break" })));
    }
  }

  #speaksComPort(): boolean {
    return this.#peer.isOn("them", COM_PORT) || this.#peer.isOn("us", COM_PORT);
  }

  #comPort(payload: Uint8Array): void {
    const message = readComPort("client", payload);
    if (!message) return;
    if (message.kind === "flow-suspend") this.#suspended = true;
    else if (message.kind === "flow-resume") this.#resume();
    else if (this.#asked) this.#asked.push(message);
    else {
      const asked = [message];
      // What was typed before goes out before, and what is typed after it after, as on a wire.
      this.#next(() => this.#answer(asked));
      this.#asked = asked;
    }
  }

  /** Together, so that the wire is switched once where a client sets all of it. */
  async #answer(asked: readonly ComPortMessage[]): Promise<void> {
    if (this.#asked === asked) this.#asked = undefined;
    if (this.#server?.receive(...asked) === false) this.#socket.destroy();
    await this.#server?.done();
  }

  /** Does something once all that came before was done. */
  #next(act: () => Promise<void>): void {
    this.#asked = undefined;
    this.#taken = Promise.all([this.#taken, this.#attaching]).then(act);
  }

  #resume(): void {
    this.#suspended = false;
    for (const held of this.#held.splice(0)) this.#peer.write(held);
    for (const callback of this.#onResume.splice(0)) callback();
  }
}
