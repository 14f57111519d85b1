import type { Socket } from "node:net";
import { minutes } from "@outrider/contracts/clock";
import type { NodeId } from "@outrider/contracts/ids";
import { COMMAND, OPTION } from "@outrider/telnet/telnet-codes";
import { TelnetPeer } from "@outrider/telnet/telnet-peer";
import { LinePrompt } from "../sessions/line-prompt.js";
import { TextSession } from "../sessions/text-session.js";
import { isFromBrowser } from "./browser-guard.js";
import { DEFAULT_ESCAPE } from "./exec-command.js";
import { farAddress } from "./far-address.js";
import { endGently } from "./gentle-end.js";
import { pumpInput } from "./input-pump.js";
import type { WayParts } from "./raw-server.js";
import { SignInRefused, type Guest, type SignInDesk } from "./sign-in-desk.js";
import { afterFirstRead, leaveOnceTyped } from "./parting.js";
import { StreamOutput } from "./stream-output.js";

const { BINARY, ECHO, SUPPRESS_GO_AHEAD } = OPTION;
const SIGN_IN_WITHIN = minutes(1);
/** Somebody may press Enter to see whether anybody is there. */
const MAX_NAMELESS = 20;
const MAX_TRIES = 3;
const INTERRUPT = 3;
const CR = 13;
const LF = 10;

export interface TelnetParts extends WayParts {
  readonly desk: SignInDesk;
}

/**
 * Serves a console to a telnet client: asks for name and password, then is a terminal at the console. The client's own
 * break is a break on the line.
 */
export function serveTelnet(socket: Socket, node: NodeId, parts: TelnetParts): void {
  new TelnetConnection(socket, node, parts).begin();
}

class TelnetConnection {
  readonly #socket: Socket;
  readonly #node: NodeId;
  readonly #parts: TelnetParts;
  readonly #from: string;
  readonly #output: StreamOutput;
  readonly #peer: TelnetPeer;
  readonly #gone = new AbortController();
  #room = true;
  #begun = false;
  /** Nothing that comes is looked at any more. */
  #over = false;
  #prompt: LinePrompt | undefined;
  #person: string | undefined;
  #tries = 0;
  #nameless = 0;
  /** Enter was CR; a client that sends BINARY may send LF with it. */
  #afterCr = false;
  /** Typed while a password is being looked at. */
  #held: Uint8Array[] = [];
  #session: TextSession | undefined;
  #taken: Promise<void> = Promise.resolve();
  #leave: (() => void) | undefined;

  constructor(socket: Socket, node: NodeId, parts: TelnetParts) {
    this.#socket = socket;
    this.#node = node;
    this.#parts = parts;
    this.#from = farAddress(socket);
    this.#output = new StreamOutput(socket);
    this.#peer = new TelnetPeer({
      us: [BINARY, ECHO, SUPPRESS_GO_AHEAD],
      them: [BINARY, SUPPRESS_GO_AHEAD],
      endOfLine: "cr",
      send: (bytes) => void (this.#room = this.#output.write(bytes)),
      listener: {
        data: (bytes) => this.#typed(bytes),
        command: (code) => this.#command(code),
      },
    });
  }

  begin(): void {
    const { clock } = this.#parts;
    this.#socket.cork();
    this.#peer.want("us", ECHO);
    this.#peer.want("us", SUPPRESS_GO_AHEAD);
    this.#peer.want("them", SUPPRESS_GO_AHEAD);
    this.#peer.want("us", BINARY);
    this.#peer.want("them", BINARY);
    this.#write(`\r\nOutrider console of ${this.#node}\r\n`);
    this.#askName();
    afterFirstRead(() => this.#socket.uncork());
    void clock.sleep(SIGN_IN_WITHIN, this.#gone.signal).then(
      () => {
        if (!this.#session) this.#end("nobody signed in in time");
      },
      () => {},
    );
    const taken = pumpInput(this.#socket, async (bytes) => {
      if (!this.#begun && isFromBrowser(bytes)) {
        this.#socket.destroy();
        return;
      }
      this.#begun = true;
      this.#peer.receive(bytes);
      await this.#settled();
    });
    leaveOnceTyped(this.#socket, clock, taken, () => {
      this.#gone.abort();
      this.#leave?.();
      this.#session?.closed();
      endGently(this.#socket, clock);
    });
  }

  /** What was held while somebody signed in is typed after it. */
  async #settled(): Promise<void> {
    for (let taken; taken !== this.#taken;) await (taken = this.#taken);
  }

  #askName(): void {
    this.#person = undefined;
    this.#write("Outrider user: ");
    this.#prompt = new LinePrompt({ show: (bytes) => this.#peer.write(bytes) });
  }

  /** In a loop: a far end may send as many lines at once as fit into a packet. */
  #typed(all: Uint8Array): void {
    let left: Uint8Array | undefined = all;
    while (left !== undefined && left.length > 0 && !this.#over) left = this.#take(left);
  }

  /** @returns what is still to be taken */
  #take(all: Uint8Array): Uint8Array | undefined {
    const bytes = this.#afterCr && all[0] === LF ? all.subarray(1) : all;
    if (all.length > 0) this.#afterCr = false;
    if (bytes.length === 0) return undefined;
    const session = this.#session;
    if (session) {
      // The pump waits for what is typed, and no longer than for the last of it.
      this.#taken = session.input(bytes.slice());
      return undefined;
    }
    const prompt = this.#prompt;
    if (!prompt) {
      this.#held.push(bytes.slice());
      return undefined;
    }
    const result = prompt.take(bytes);
    if (!result) return undefined;
    if (result.line === undefined) {
      this.#end("nobody signed in");
      return undefined;
    }
    this.#afterCr = bytes[result.taken - 1] === CR;
    const rest = bytes.subarray(result.taken);
    if (this.#person === undefined) {
      if (result.line === "") {
        this.#nameless += 1;
        if (this.#nameless > MAX_NAMELESS) {
          this.#end("nobody signed in");
          this.#socket.destroySoon();
          return undefined;
        }
        this.#askName();
      } else {
        this.#person = result.line;
        this.#write("Password: ");
        this.#prompt = new LinePrompt({ hidden: true, show: (some) => this.#peer.write(some) });
      }
      return rest;
    }
    this.#prompt = undefined;
    if (rest.length > 0) this.#held.push(rest.slice());
    this.#taken = this.#signIn(this.#person, result.line);
    return undefined;
  }

  async #signIn(person: string, password: string): Promise<void> {
    const { desk } = this.#parts;
    const arrival = { way: "telnet", from: this.#from } as const;
    this.#tries += 1;
    try {
      const guest = await desk.byPassword(person, password, arrival, this.#gone.signal);
      if (!this.#gone.signal.aborted) this.#open(guest);
    } catch (error) {
      if (this.#gone.signal.aborted) return;
      if (!(error instanceof SignInRefused)) {
        this.#parts.log.error({ node: this.#node, err: error }, "nobody can sign in by telnet now");
      }
      this.#say(
        error instanceof SignInRefused
          ? error.message
          : "who you are cannot be looked up now; try again in a moment",
      );
      if (this.#tries >= MAX_TRIES) {
        this.#over = true;
        return endGently(this.#socket, this.#parts.clock);
      }
      this.#askName();
    }
    for (const held of this.#held.splice(0)) this.#typed(held);
  }

  #open(guest: Guest): void {
    const { door, clock, log, desk } = this.#parts;
    const { person } = guest;
    log.info({ node: this.#node, way: "telnet", from: this.#from, person }, "a person signed in");
    this.#leave = desk.seat(guest, (reason) => this.#end(reason));
    this.#session = new TextSession({
      door,
      node: this.#node,
      visitor: guest.visitor,
      mode: "write",
      replay: "screen",
      escape: DEFAULT_ESCAPE,
      clock,
      output: {
        write: (bytes) => {
          this.#peer.write(bytes);
          return this.#room;
        },
        onDrain: (callback) =>
          this.#output.onDrain(() => {
            this.#room = true;
            callback();
          }),
        end: () => {
          this.#over = true;
          endGently(this.#socket, clock);
        },
      },
    });
  }

  #command(code: number): void {
    switch (code) {
      case COMMAND.AYT:
        this.#say("yes");
        break;
      case COMMAND.BRK:
        this.#session?.breakReceived();
        break;
      case COMMAND.IP:
        this.#typed(Uint8Array.of(INTERRUPT));
        break;
      default:
    }
  }

  #end(reason: string): void {
    this.#over = true;
    this.#session?.restore();
    this.#say(reason);
    endGently(this.#socket, this.#parts.clock);
  }

  #say(sentence: string): void {
    this.#write(`\r\n[outrider: ${sentence}]\r\n`);
  }

  #write(text: string): void {
    this.#peer.write(Buffer.from(text));
  }
}
