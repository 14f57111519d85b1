import type { Socket } from "node:net";
import type { Clock } from "@outrider/contracts/clock";
import type { AgentId } from "@outrider/contracts/ids";
import {
  FRAME,
  jsonFrame,
  LINK_VERSION,
  MAX_HELLO_BYTES,
  numbersFrame,
  ProtocolError,
  readJson,
  readU32,
  type Frame,
} from "./frame.js";
import { decodeItems } from "./items-frame.js";
import { LinkError } from "./link-error.js";
import { LinkSocket } from "./link-socket.js";
import type { Log } from "./log.js";
import {
  readAnnouncement,
  readCondition,
  readFailure,
  readHello,
  whole,
  type Hello,
  type Refusal,
} from "./messages.js";
import { RemoteConsole } from "./remote-console.js";
import { RECEIVED_EVERY_BYTES } from "./send-window.js";
import type { LinkTiming } from "./timing.js";

export interface ServiceConnectionOptions {
  readonly clock: Clock;
  readonly nowMicros: () => number;
  readonly timing: LinkTiming;
  readonly log: Log;
  /** Somebody says who they are. Called once, before anything else is read. */
  readonly onHello: (hello: Hello) => void;
  readonly onConsole: (console: RemoteConsole) => void;
  readonly onEnd: (reason: string) => void;
}

const MAX_CONSOLES = 4096;

/** One connection at the service: first only a hello, then the consoles of one agent. */
export class ServiceConnection {
  readonly #options: ServiceConnectionOptions;
  readonly #socket: LinkSocket;
  readonly #consoles = new Map<number, RemoteConsole>();
  readonly #deadline = new AbortController();
  #hello: Hello | undefined;
  #agent: AgentId | undefined;
  #receivedBytes = 0;
  #toldBytes = 0;
  #aheadMicros: number | undefined;

  constructor(socket: Socket, options: ServiceConnectionOptions) {
    const { clock, nowMicros, timing } = options;
    this.#options = options;
    this.#socket = new LinkSocket(socket, {
      clock,
      nowMicros,
      timing,
      first: { type: FRAME.hello, maxBytes: MAX_HELLO_BYTES },
      onFrame: (frame) => this.#take(frame),
      onEnd: (reason) => this.#end(reason),
      onSkipped: (type) => {
        const { log } = this.#options;
        log.warn(
          { agent: this.#agent, type, version: this.#hello?.version },
          "an agent of a later version sends what this service does not know; it is skipped: bring the service up to date",
        );
      },
      onPeerAhead: (micros) => {
        this.#aheadMicros = micros;
        for (const console of this.#consoles.values()) console.measured(micros);
      },
    });
    clock.sleep(timing.hello, this.#deadline.signal).then(
      () => this.end("it did not say who it is in time"),
      () => undefined,
    );
  }

  get ended(): boolean {
    return this.#socket.ended;
  }

  /** Undefined until it was let in. */
  get agent(): AgentId | undefined {
    return this.#agent;
  }

  welcome(agent: AgentId): void {
    this.#agent = agent;
    const { version = LINK_VERSION } = this.#hello ?? {};
    const common = Math.min(LINK_VERSION, version);
    this.#socket.send(jsonFrame(FRAME.welcome, { version: common, speaks: LINK_VERSION }));
    this.#socket.open(version);
  }

  refuse(code: Refusal, message: string): void {
    this.#socket.last(jsonFrame(FRAME.refused, { code, message }), message);
  }

  bye(reason: string, superseded = false): void {
    this.#socket.bye(reason, superseded);
  }

  end(reason: string): void {
    this.#socket.end(reason);
  }

  #take(frame: Frame): void {
    const { type, payload } = frame;
    if (this.#agent === undefined) {
      if (type !== FRAME.hello || this.#hello) throw new ProtocolError("said too much too soon");
      this.#hello = readHello(readJson(payload));
      this.#deadline.abort();
      return this.#options.onHello(this.#hello);
    }
    switch (type) {
      case FRAME.items:
        return this.#items(payload);
      case FRAME.announce:
        return this.#announce(this.#agent, payload);
      case FRAME.gone:
        return this.#gone(readU32(payload, 0), "the agent took the console away");
      case FRAME.condition: {
        const fields = readJson(payload);
        const condition = readCondition(fields["condition"]);
        return this.#consoles.get(whole(fields["console"], "console"))?.changed(condition);
      }
      case FRAME.done:
        return this.#consoles.get(readU32(payload, 0))?.done(readU32(payload, 4));
      case FRAME.failed: {
        const fields = readJson(payload);
        const { code, message } = readFailure(fields);
        const console = this.#consoles.get(whole(fields["console"], "console"));
        return console?.failed(whole(fields["id"], "id"), new LinkError(code, message));
      }
      default:
        throw new ProtocolError(`a frame of type ${type} is not for the service`);
    }
  }

  #items(payload: Buffer): void {
    const { console, items } = decodeItems(payload);
    this.#receivedBytes += payload.length;
    this.#consoles.get(console)?.took(items, payload.length);
    if (this.#receivedBytes - this.#toldBytes < RECEIVED_EVERY_BYTES) return;
    this.#toldBytes = this.#receivedBytes;
    this.#socket.send(numbersFrame(FRAME.received, [8, this.#receivedBytes]));
  }

  #announce(agent: AgentId, payload: Buffer): void {
    const announcement = readAnnouncement(readJson(payload));
    if (this.#consoles.has(announcement.console) || this.#consoles.size >= MAX_CONSOLES) {
      throw new ProtocolError("a console was announced that cannot be");
    }
    for (const [number, { address }] of this.#consoles) {
      if (address.endpoint === announcement.endpoint)
        this.#gone(number, "the agent announced the console anew");
    }
    const console = new RemoteConsole(
      agent,
      announcement,
      (frame) => this.#socket.send(frame),
      () => this.#aheadMicros,
      this.#options.log,
    );
    this.#consoles.set(announcement.console, console);
    this.#options.onConsole(console);
  }

  #gone(number: number, reason: string): void {
    this.#consoles.get(number)?.end(reason);
    this.#consoles.delete(number);
  }

  #end(reason: string): void {
    this.#deadline.abort();
    for (const number of this.#consoles.keys()) this.#gone(number, reason);
    this.#options.onEnd(reason);
  }
}
