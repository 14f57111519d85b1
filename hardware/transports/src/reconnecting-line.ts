import type { ConsoleListener } from "@outrider/ports/console-port";
import { withDeadline } from "@outrider/ports/deadline";
import { PortError } from "@outrider/ports/port-error";
import { milliseconds, seconds, type Clock } from "@outrider/ports/time";

const FIRST_PAUSE_MS = 250;
const LONGEST_PAUSE_MS = 5000;
const OPEN_DEADLINE = seconds(5);
/** For each piece: a line that takes none for so long is stuck. */
const WRITE_DEADLINE = seconds(10);
/** What is handed over at once: when somebody gives up, at most so much is still sent. */
const PIECE_BYTES = 1024;

/** A line that is open now. */
export interface OpenLine extends AsyncDisposable {
  /** Resolves with the reason once no more can be read. */
  readonly ended: Promise<PortError>;
  /** Resolves when the device has taken the piece, and not before it has taken what was written before. */
  write(piece: Uint8Array, signal: AbortSignal): Promise<void>;
  /** The same as far as it goes without waiting. @returns how many bytes the device has taken */
  writeNow?(piece: Uint8Array): number;
}

export interface ReconnectingLineOptions<L extends OpenLine> {
  readonly clock: Clock;
  /** The line with its address, as messages name it. */
  readonly what: string;
  /** Opens the line and reads it from then on, into `listener`. @throws PortError */
  open(listener: ConsoleListener, signal: AbortSignal): Promise<L>;
}

/** Keeps a line open from its start until it is disposed, and says when it is up, down, and up again. */
export class ReconnectingLine<L extends OpenLine> implements AsyncDisposable {
  readonly #disposed = new AbortController();
  #current: L | undefined;
  /** Ends what is under way on the present line when that is lost. */
  #loss = new AbortController();
  #down: PortError;
  #running: Promise<void> = Promise.resolve();
  #turn: Promise<unknown> = Promise.resolve();
  /** Writes that are not over. */
  #writes = 0;

  constructor(private readonly options: ReconnectingLineOptions<L>) {
    this.#down = new PortError("unreachable", `${options.what} is not yet open. Try again.`);
  }

  start(listener: ConsoleListener): void {
    this.#running = this.#run(listener);
  }

  /** The line as it is open. @throws PortError `unreachable`: why it is not */
  get open(): L {
    if (this.#current) return this.#current;
    throw new PortError("unreachable", this.#down.message, { cause: this.#down });
  }

  /** Sends in pieces, after whatever is being sent. @throws PortError, or the reason of `signal` */
  write(bytes: Uint8Array, signal: AbortSignal): Promise<void> {
    const line = this.#current;
    const either = AbortSignal.any([signal, this.#loss.signal]);
    const sent = this.#turn.then(async () => {
      signal.throwIfAborted();
      // What was meant for a line that has gone is not for the one that came after it.
      if (line !== this.open) throw new PortError("unreachable", this.#down.message);
      for (let at = 0; at < bytes.length; at += PIECE_BYTES) {
        const piece = bytes.subarray(at, at + PIECE_BYTES);
        await this.within(WRITE_DEADLINE, either, "write", (within) => line.write(piece, within));
      }
    });
    this.#writes += 1;
    const over = (): void => void (this.#writes -= 1);
    this.#turn = sent.then(over, over);
    return sent;
  }

  /**
   * Sends what the line takes at once, unless something is being sent.
   * @returns how many of the bytes it has taken @throws PortError
   */
  writeNow(bytes: Uint8Array): number {
    if (this.#writes > 0) return 0;
    return this.open.writeNow?.(bytes.subarray(0, PIECE_BYTES)) ?? 0;
  }

  /** {@link withDeadline}, and no longer than the line itself is wanted. */
  within<T>(
    limit: typeof WRITE_DEADLINE,
    signal: AbortSignal,
    what: string,
    work: (signal: AbortSignal) => Promise<T>,
  ): Promise<T> {
    const { clock } = this.options;
    const both = AbortSignal.any([signal, this.#disposed.signal]);
    return withDeadline(clock, limit, both, `${this.options.what} (${what})`, work);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#down = new PortError("unreachable", `${this.options.what}: the endpoint was closed.`);
    this.#disposed.abort(this.#down);
    // Its end ends the waiting for it.
    await this.#current?.[Symbol.asyncDispose]();
    await this.#running;
  }

  async #run(listener: ConsoleListener): Promise<void> {
    const { clock, what } = this.options;
    const { signal } = this.#disposed;
    let pauseMs = FIRST_PAUSE_MS;
    let said: string | undefined;
    while (!signal.aborted) {
      try {
        this.#current = await this.#open(listener, () => {
          // Whatever came while it was down is lost, and how much nobody knows.
          if (said !== undefined) listener.lost({ bytes: undefined, reason: "disconnected" });
          said = undefined;
          pauseMs = FIRST_PAUSE_MS;
          listener.link({ up: true });
        });
        const why = await this.#current.ended;
        if (!signal.aborted) this.#down = why;
      } catch (error) {
        if (!signal.aborted) this.#down = asPortError(error, what);
      }
      const gone = this.#current;
      this.#current = undefined;
      this.#loss.abort(this.#down);
      this.#loss = new AbortController();
      await gone?.[Symbol.asyncDispose]();
      if (signal.aborted) return;
      if (said !== this.#down.message) {
        said = this.#down.message;
        listener.link({ up: false, detail: said });
      }
      await clock.sleep(milliseconds(pauseMs), signal).catch(() => {});
      pauseMs = Math.min(pauseMs * 2, LONGEST_PAUSE_MS);
    }
  }

  /** Opens; what is read before the line counts as up is handed on after it was said that it is. */
  async #open(listener: ConsoleListener, up: () => void): Promise<L> {
    let early: (() => void)[] | undefined = [];
    const inOrder = <A extends unknown[]>(tell: (...args: A) => void): ((...args: A) => void) => {
      return (...args) => {
        if (early) early.push(() => tell(...args));
        else tell(...args);
      };
    };
    const whenUp: ConsoleListener = {
      bytes: inOrder((chunk) => listener.bytes(chunk)),
      lost: inOrder((loss) => listener.lost(loss)),
      link: inOrder((link) => listener.link(link)),
      modem: inOrder((lines) => listener.modem?.(lines)),
      broke: inOrder(() => listener.broke?.()),
    };
    const opening = new AbortController();
    let late: Promise<L> | undefined;
    try {
      const line = await this.within(OPEN_DEADLINE, opening.signal, "open", (signal) => {
        late = this.options.open(whenUp, signal);
        return late;
      });
      up();
      for (const tell of early) tell();
      early = undefined;
      return line;
    } catch (error) {
      // One that opens after nobody waits for it is closed again.
      late?.then(
        (line) => void line[Symbol.asyncDispose](),
        () => {},
      );
      throw error;
    }
  }
}

function asPortError(error: unknown, what: string): PortError {
  if (error instanceof PortError) return error;
  throw new TypeError(`${what}: not a port's error`, { cause: error });
}
