import type { Socket } from "node:net";
import type { Clock } from "@outrider/contracts/clock";
import type { AgentId } from "@outrider/contracts/ids";
import { AnnouncedConsole } from "./announced-console.js";
import type { ConsoleLine } from "./console-line.js";
import { FairQueue } from "./fair-queue.js";
import {
  FRAME,
  jsonFrame,
  LINK_VERSION,
  MAX_HELLO_BYTES,
  numbersFrame,
  ProtocolError,
  readJson,
  readNumber,
  readU32,
  readU64,
  type Frame,
} from "./frame.js";
import { LinkSocket } from "./link-socket.js";
import { readRefusal, readWelcome, readRequest, UnknownRequest, whole } from "./messages.js";
import type { LinkTiming } from "./timing.js";

export interface AgentConnectionOptions {
  readonly agent: AgentId;
  readonly secret: string;
  readonly clock: Clock;
  readonly nowMicros: () => number;
  readonly timing: LinkTiming;
  /** The consoles there are once it is let in. */
  readonly lines: Iterable<ConsoleLine>;
  readonly onWelcome: () => void;
  /** @param patience whether dialling again soon is of no use */
  readonly onEnd: (reason: string, patience: boolean) => void;
  readonly onSourceFailure: (error: unknown) => void;
  /** The service sends frames that this agent does not know: it is of a later version. */
  readonly onSkipped?: (type: number) => void;
}

/** One connection of an agent: says who it is, announces its consoles, and serves what the service wants of them. */
export class AgentConnection {
  readonly #options: AgentConnectionOptions;
  readonly #socket: LinkSocket;
  readonly #queue: FairQueue;
  readonly #consoles = new Map<number, AnnouncedConsole>();
  readonly #deadline = new AbortController();
  #welcomed = false;
  #patience = false;
  #lastConsole = 0;

  constructor(socket: Socket, options: AgentConnectionOptions) {
    const { clock, nowMicros, timing, agent, secret } = options;
    this.#options = options;
    this.#queue = new FairQueue(clock.monotonicMs, (frame) => this.#socket.send(frame));
    this.#socket = new LinkSocket(socket, {
      clock,
      nowMicros,
      timing,
      onFrame: (frame) => this.#take(frame),
      onEnd: (reason) => this.#end(reason),
      onCaughtUp: () => {
        for (const announced of this.#consoles.values()) announced.goOn();
      },
      ...(options.onSkipped ? { onSkipped: options.onSkipped } : {}),
    });
    const hello = {
      link: "outrider-console",
      version: LINK_VERSION,
      agent: `agent:${agent}`,
      secret,
    };
    const frame = jsonFrame(FRAME.hello, hello);
    if (frame.length > MAX_HELLO_BYTES) throw new RangeError("the agent's secret is too long");
    socket.once("encrypted" in socket ? "secureConnect" : "connect", () =>
      this.#socket.send(frame),
    );
    // A service that refuses takes its time to say so.
    clock.sleep(timing.dead, this.#deadline.signal).then(
      () => this.#socket.end("the console service does not answer"),
      () => undefined,
    );
  }

  add(line: ConsoleLine): void {
    if (this.#welcomed && !this.#socket.ended) this.#announce(line);
  }

  remove(line: ConsoleLine): void {
    for (const [console, announced] of this.#consoles) {
      if (announced.line !== line) continue;
      announced[Symbol.dispose]();
      this.#consoles.delete(console);
      this.#socket.send(numbersFrame(FRAME.gone, [4, console]));
    }
  }

  stop(): void {
    if (this.#welcomed) this.#socket.bye("the agent stops");
    else this.#socket.end("the agent stops");
  }

  #take({ type, payload }: Frame): void {
    switch (type) {
      case FRAME.welcome:
        return this.#welcome(readWelcome(readJson(payload)));
      case FRAME.refused: {
        const { code, message } = readRefusal(readJson(payload));
        this.#patience = code !== "busy";
        return this.#socket.end(message);
      }
      case FRAME.received:
        if (!this.#queue.received(readNumber(payload, 0)))
          throw new ProtocolError("more was received than was sent");
        return;
      case FRAME.request:
        return this.#request(readJson(payload));
      case FRAME.resume:
        return this.#of(payload)?.resume(readU64(payload, 4), readU32(payload, 12));
      case FRAME.credit:
        return this.#of(payload)?.credit(readU32(payload, 4));
      case FRAME.acknowledge:
        return this.#of(payload)?.line.source.acknowledge(readNumber(payload, 4));
      case FRAME.anew: {
        const line = this.#of(payload)?.line;
        if (!line) return;
        this.remove(line);
        return this.#announce(line);
      }
      case FRAME.write:
        return this.#of(payload)?.write(readU32(payload, 4), payload.subarray(8));
      case FRAME.cancel:
        return this.#of(payload)?.cancel(readU32(payload, 4));
      default:
        throw new ProtocolError(`a frame of type ${type} is not for an agent`);
    }
  }

  #welcome(serviceVersion: number): void {
    if (this.#welcomed) throw new ProtocolError("welcomed twice");
    this.#welcomed = true;
    this.#deadline.abort();
    this.#socket.open(serviceVersion);
    this.#options.onWelcome();
    for (const line of this.#options.lines) this.#announce(line);
  }

  #announce(line: ConsoleLine): void {
    const announced = new AnnouncedConsole(
      ++this.#lastConsole,
      line,
      this.#queue,
      (frame) => this.#socket.send(frame),
      (frame) => this.#socket.sendLater(frame),
      () => this.#socket.behind,
      this.#options.onSourceFailure,
    );
    this.#consoles.set(announced.console, announced);
    announced.announce();
  }

  #request(fields: Readonly<Record<string, unknown>>): void {
    const announced = this.#consoles.get(whole(fields["console"], "console"));
    const id = whole(fields["id"], "id", 0xffff_ffff);
    try {
      announced?.request(id, readRequest(fields["request"]));
    } catch (error) {
      if (!(error instanceof UnknownRequest)) throw error;
      const { message } = error;
      const failure = { console: announced?.console ?? 0, id, code: "unsupported", message };
      this.#socket.send(jsonFrame(FRAME.failed, failure));
    }
  }

  /** Undefined where it was taken away while the frame was under way. */
  #of(payload: Buffer): AnnouncedConsole | undefined {
    return this.#consoles.get(readU32(payload, 0));
  }

  #end(reason: string): void {
    this.#deadline.abort();
    for (const announced of this.#consoles.values()) announced[Symbol.dispose]();
    this.#consoles.clear();
    this.#options.onEnd(reason, this.#patience || this.#socket.goodbye?.superseded === true);
  }
}
