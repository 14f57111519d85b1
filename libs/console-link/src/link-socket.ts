import type { Socket } from "node:net";
import { milliseconds, type Clock } from "@outrider/contracts/clock";
import {
  FRAME,
  FrameReader,
  jsonFrame,
  numbersFrame,
  ProtocolError,
  readJson,
  readNumber,
  type Frame,
} from "./frame.js";
import { readBye, type Bye } from "./messages.js";
import type { LinkTiming } from "./timing.js";

export interface LinkSocketOptions {
  readonly clock: Clock;
  readonly nowMicros: () => number;
  readonly timing: LinkTiming;
  /** The only frame that is taken until `open`. */
  readonly first?: { readonly type: number; readonly maxBytes: number };
  /** May throw ProtocolError, which ends the connection. */
  readonly onFrame: (frame: Frame) => void;
  /** Called once. */
  readonly onEnd: (reason: string) => void;
  /** A frame of this type came that is not known here, the first of its kind. */
  readonly onSkipped?: (type: number) => void;
  /** By how much the peer's clock is ahead of this one's, as well as the best of the last measurements knows. */
  readonly onPeerAhead?: (micros: number) => void;
  /** All that the peer said while this process stood still has been taken: see {@link LinkSocket.behind}. */
  readonly onCaughtUp?: () => void;
}

/** A measurement of the peer's clock, and how far it may be off. */
interface ClockSample {
  readonly aheadMicros: number;
  readonly roundTripMicros: number;
}

const SAMPLES = 8;
/** A ping that goes so many times later than it should was held up by more than a busy moment. */
const LATE = 4 / 3;
/** What can wait waits so long for something that it can go with. */
const LATER = milliseconds(2);
const MOST_LATER = 64;
/** An end that reads nothing while it is sent so much is as good as dead; what it was sent is in the spool. */
const MAX_BACKLOG_BYTES = 8 * 1_048_576;

/**
 * One connection, as frames: gathers what one turn sends, keeps the peer awake, measures its clock, and notices when it
 * is dead although the socket does not say so.
 */
export class LinkSocket {
  readonly #socket: Socket;
  readonly #options: LinkSocketOptions;
  readonly #reader: FrameReader;
  readonly #stopPulse: () => void;
  readonly #samples: ClockSample[] = [];
  #heardMs: number;
  #pulseMs: number;
  #corked = false;
  readonly #later: Buffer[] = [];
  #laterSoon = false;
  #pulsing = false;
  /** When this process was seen to have stood still, until the peer has answered a ping of then. */
  #behindMicros: number | undefined;
  #ended = false;
  #goodbye: Bye | undefined;

  constructor(socket: Socket, options: LinkSocketOptions) {
    const { clock, timing } = options;
    this.#socket = socket;
    this.#options = options;
    this.#reader = new FrameReader(options.first, options.onSkipped);
    this.#heardMs = clock.monotonicMs();
    this.#pulseMs = this.#heardMs;
    socket.setNoDelay(true);
    socket.on("data", (chunk: Buffer) => this.#hear(chunk));
    socket.on("error", (error: NodeJS.ErrnoException) => this.end(wordsOf(error)));
    socket.on("close", () => this.end("the connection was closed"));
    this.#stopPulse = clock.every(timing.ping, () => this.#pulse());
  }

  /** Both ends know each other now: any frame may come, and pings go. @param peerVersion the highest it speaks */
  open(peerVersion: number): void {
    this.#reader.open(peerVersion);
    this.#pulsing = true;
    this.#ping();
  }

  get ended(): boolean {
    return this.#ended;
  }

  /**
   * Whether what the peer asked for may be of long ago: this process stood still for a while, and the peer may have
   * taken it back in what is not read yet. Not any more once it has answered a ping; `onCaughtUp` is called then. A
   * process that stood still for as long as peers wait has been given up by them: the connection ends here.
   */
  get behind(): boolean {
    if (!this.#ended) this.#wake(this.#options.clock.monotonicMs());
    return this.#behindMicros !== undefined;
  }

  /**
   * Sends a frame: the first of a turn at once, since it is most likely a key or its echo, what else is sent in this
   * turn together. Does nothing once it has ended.
   */
  send(frame: Buffer): void {
    if (this.#ended || !this.#socket.writable) return;
    const isFirst = !this.#corked;
    this.#socket.write(this.#later.length === 0 ? frame : this.#withLater(frame));
    if (isFirst) this.#cork();
    if (this.#socket.writableLength > MAX_BACKLOG_BYTES) this.end("the peer takes nothing");
  }

  /** Sends a frame that nobody is in a hurry for with whatever is sent next, or alone after a moment. */
  sendLater(frame: Buffer): void {
    this.#later.push(frame);
    if (this.#later.length >= MOST_LATER) return this.#sendLater();
    if (this.#laterSoon) return;
    this.#laterSoon = true;
    void this.#options.clock.sleep(LATER).then(() => {
      this.#laterSoon = false;
      this.#sendLater();
    });
  }

  /** In one piece, and what is urgent in front. */
  #withLater(frame: Buffer): Buffer {
    return Buffer.concat([frame, ...this.#later.splice(0)]);
  }

  #sendLater(): void {
    const last = this.#later.pop();
    if (last) this.send(last);
  }

  #cork(): void {
    this.#corked = true;
    this.#socket.cork();
    process.nextTick(() => {
      this.#corked = false;
      this.#socket.uncork();
    });
  }

  /** What the peer said before it went, if it did. */
  get goodbye(): Bye | undefined {
    return this.#goodbye;
  }

  /** Tells the peer why, and ends. */
  bye(reason: string, superseded = false): void {
    this.last(jsonFrame(FRAME.bye, { reason, superseded }), reason);
  }

  /** Sends a last frame, and ends. */
  last(frame: Buffer, reason: string): void {
    if (this.#ended) return;
    this.#socket.end(frame);
    this.#finish(reason);
    // A peer that does not take it must not hold the socket.
    const { clock, timing } = this.#options;
    const closed = new AbortController();
    this.#socket.once("close", () => closed.abort());
    clock.sleep(timing.hello, closed.signal).then(
      () => this.#socket.destroy(),
      () => undefined,
    );
  }

  end(reason: string): void {
    if (this.#ended) return;
    this.#finish(this.#goodbye?.reason ?? reason);
    this.#socket.destroy();
  }

  #finish(reason: string): void {
    this.#ended = true;
    this.#stopPulse();
    this.#options.onEnd(reason);
  }

  #hear(chunk: Buffer): void {
    if (this.#ended) return;
    const { clock, timing } = this.#options;
    const nowMs = clock.monotonicMs();
    // What came is read before timers run. Who did not hear of this end for so long has told people that it is gone.
    this.#wake(nowMs);
    if (nowMs - this.#heardMs >= timing.dead) this.#endUnheard();
    if (this.ended) return;
    this.#heardMs = nowMs;
    try {
      for (const frame of this.#reader.push(chunk)) {
        this.#take(frame);
        if (this.#ended) return;
      }
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      this.end(`the peer broke the protocol: ${error.message}`);
    }
  }

  #take(frame: Frame): void {
    switch (frame.type) {
      case FRAME.ping:
        this.send(
          numbersFrame(
            FRAME.pong,
            [8, readNumber(frame.payload, 0)],
            [8, this.#options.nowMicros()],
          ),
        );
        break;
      case FRAME.pong:
        this.#measure(readNumber(frame.payload, 0), readNumber(frame.payload, 8));
        break;
      case FRAME.bye:
        this.#goodbye = readBye(readJson(frame.payload));
        break;
      default:
        this.#options.onFrame(frame);
    }
  }

  #ping(micros = this.#options.nowMicros()): void {
    this.send(numbersFrame(FRAME.ping, [8, micros]));
  }

  #pulse(): void {
    const { clock, timing } = this.#options;
    const nowMs = clock.monotonicMs();
    this.#wake(nowMs);
    if (this.#ended) return;
    this.#pulseMs = nowMs;
    if (nowMs - this.#heardMs >= timing.dead) return this.#endUnheard();
    if (this.#pulsing) this.#ping();
  }

  #endUnheard(): void {
    this.end(`nothing was heard from the peer for ${this.#options.timing.dead / 1000} s`);
  }

  /** Notices that this process stood still, or was stopped. */
  #wake(nowMs: number): void {
    const { timing } = this.#options;
    const stillMs = nowMs - this.#pulseMs;
    if (stillMs >= timing.dead) {
      return this.end(`this end stood still for ${Math.round(stillMs / 1000)} s`);
    }
    if (stillMs < LATE * timing.ping) return;
    this.#pulseMs = nowMs;
    // What the peer said meanwhile is not read yet.
    if (stillMs > 2 * timing.ping) this.#heardMs = nowMs;
    if (!this.#pulsing) return;
    this.#behindMicros = this.#options.nowMicros();
    this.#ping(this.#behindMicros);
  }

  #measure(sentMicros: number, peerMicros: number): void {
    const nowMicros = this.#options.nowMicros();
    if (sentMicros > nowMicros) throw new ProtocolError("a pong answers no ping");
    this.#samples.push({
      aheadMicros: Math.round(peerMicros - (sentMicros + nowMicros) / 2),
      roundTripMicros: nowMicros - sentMicros,
    });
    if (this.#samples.length > SAMPLES) this.#samples.shift();
    const best = this.#samples.reduce((a, b) => (b.roundTripMicros < a.roundTripMicros ? b : a));
    this.#options.onPeerAhead?.(best.aheadMicros);
    if (this.#behindMicros === undefined || sentMicros < this.#behindMicros) return;
    this.#behindMicros = undefined;
    this.#options.onCaughtUp?.();
  }
}

function wordsOf(error: NodeJS.ErrnoException): string {
  switch (error.code) {
    case "ECONNREFUSED":
      return "nobody listens there";
    case "ECONNRESET":
    case "EPIPE":
      return "the connection was reset";
    case "ETIMEDOUT":
    case "EHOSTUNREACH":
    case "ENETUNREACH":
      return "the network does not reach it";
    default:
      return error.message;
  }
}
