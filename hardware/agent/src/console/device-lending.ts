import type { ConsoleRequest, DeviceClosing } from "@outrider/console-link/console-stream";
import { milliseconds, seconds, type Clock } from "@outrider/contracts/clock";
import { PortError } from "@outrider/ports/port-error";
import type { AgentLog } from "../log.js";

/** A device that cannot be taken back is tried again so often: whoever had it may not have let go of it yet. */
const AGAIN = seconds(5);
/** Longer is no loan. */
const LONGEST_MS = 86_400_000;

export interface DeviceLendingOptions {
  readonly clock: Clock;
  readonly log: AgentLog;
  /** Lets go of the device. @throws PortError when it may not */
  readonly letGo: () => Promise<void>;
  /** Opens it again. */
  readonly takeBack: (signal: AbortSignal) => Promise<void>;
  /** It was closed, or is to be opened, or could not be. */
  readonly changed: (failure: string | undefined) => void;
}

/** Gives up the device of a console for a while, so that another program can have it, and takes it back by itself. */
export class DeviceLending {
  #closing: DeviceClosing | undefined;
  /** Ends the loan, or the tries to take the device back. */
  #ended = new AbortController();
  #turn: Promise<void> = Promise.resolve();
  #isOver = false;

  constructor(private readonly options: DeviceLendingOptions) {}

  get closing(): DeviceClosing | undefined {
    return this.#closing;
  }

  /** A second time: for so long from now. @throws PortError `refused` */
  close({ ms, actor, reason }: Extract<ConsoleRequest, { kind: "close" }>): Promise<void> {
    if (!(ms >= 1 && ms <= LONGEST_MS)) {
      throw new PortError("refused", "A console is closed for a day at most.");
    }
    return this.#inTurn(async () => {
      const { clock, letGo, changed } = this.options;
      this.#end();
      const until = new Date(clock.now().getTime() + ms).toISOString();
      const closing = { actor, until, ...(reason === undefined ? {} : { reason }) };
      this.#closing = closing;
      try {
        await letGo();
      } catch (error) {
        this.#closing = undefined;
        throw error;
      }
      changed(undefined);
      const { signal } = this.#ended;
      void clock.sleep(milliseconds(ms), signal).then(
        () => this.#inTurn(() => this.#return(signal)),
        () => undefined,
      );
    });
  }

  /** Takes it back now. Does nothing where it was not given up. */
  open(): Promise<void> {
    return this.#inTurn(async () => {
      if (!this.#closing) return;
      this.#end();
      await this.#return(this.#ended.signal);
    });
  }

  /** The console is not wanted any more. */
  async stop(): Promise<void> {
    this.#isOver = true;
    this.#end();
    await this.#turn;
  }

  #end(): void {
    this.#ended.abort();
    this.#ended = new AbortController();
  }

  async #return(signal: AbortSignal): Promise<void> {
    const { clock, log, takeBack, changed } = this.options;
    if (signal.aborted || this.#isOver) return;
    this.#closing = undefined;
    try {
      changed(undefined);
      await takeBack(signal);
    } catch (error) {
      if (signal.aborted || this.#isOver) return;
      log.warn({ err: error }, "the device of a console cannot be taken back; it is tried again");
      changed(error instanceof Error ? error.message : String(error));
      void clock.sleep(AGAIN, signal).then(
        () => this.#inTurn(() => this.#return(signal)),
        () => undefined,
      );
    }
  }

  #inTurn(work: () => Promise<void>): Promise<void> {
    const mine = this.#turn.then(work);
    this.#turn = mine.catch(() => undefined);
    return mine;
  }
}
