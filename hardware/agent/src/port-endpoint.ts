import { seconds, type Duration } from "@outrider/contracts/clock";
import { withDeadline } from "@outrider/ports/deadline";
import type { Driver, Ports } from "@outrider/ports/driver";
import { PortError } from "@outrider/ports/port-error";
import type { CommandRecord } from "./command-record.js";
import { Endpoint, type Activity } from "./endpoint.js";
import { openPort } from "./open-port.js";
import type { Execution, Outcome } from "./outcome.js";
import { recover } from "./recovery.js";

/** How long a port may take to end what it was doing before it is closed: the end of a pulse, for one. */
const END_WITHIN = seconds(8);

/** A port that ends nothing is asked no more. */
const MOST_ASKED = 4;

/** Kinds whose endpoint is nothing but a port that is asked now and then. */
type Plain = "reset" | "button" | "boot" | "identify" | "sensor" | "heartbeat";

/**
 * A port that is opened, asked, and closed once what it was asked has ended. Asking has a deadline whether or not the
 * port heeds it.
 */
export abstract class PortEndpoint<P extends Plain> extends Endpoint {
  protected abstract readonly kind: P;
  protected port: Ports[P] | undefined;
  #opened: AsyncDisposable | undefined;
  readonly #asked = new Set<Promise<unknown>>();

  async open(signal: AbortSignal): Promise<void> {
    const opened = await openPort(this.kind, this, signal);
    this.#opened = opened;
    this.port = opened.port;
    this.opened(opened.port, opened.driver);
  }

  /** It has just been opened: what can it do? */
  protected opened(_port: Ports[P], _driver: Driver<P>): void {}

  async close(): Promise<void> {
    const opened = this.#opened;
    this.#opened = undefined;
    this.port = undefined;
    this.actions = [];
    const never = new AbortController().signal;
    try {
      await withDeadline(this.clock, END_WITHIN, never, `What ${this.id} was doing`, async () =>
        Promise.allSettled(this.#asked),
      );
    } catch (error) {
      if (!(error instanceof PortError)) throw error;
      this.log.error({ reason: error.message }, "an endpoint is closed in the middle of something");
    }
    await opened?.[Symbol.asyncDispose]();
  }

  /** Asks the port. @throws PortError · the reason of `signal` */
  protected async ask<T>(
    limit: Duration,
    signal: AbortSignal,
    what: (port: Ports[P], signal: AbortSignal) => Promise<T>,
  ): Promise<T> {
    const { port } = this;
    if (!port) throw new PortError("unreachable", `${this.id} is not open: ${this.failure ?? ""}`);
    if (this.#asked.size >= MOST_ASKED) {
      const stuck = `The device of ${this.id} has still not ended what it was asked before. Restart it, or look at its wires.`;
      throw new PortError("timed-out", stuck);
    }
    return withDeadline(this.clock, limit, signal, `The device of ${this.id}`, (within) => {
      const asked = what(port, within);
      const ended = asked
        .catch(() => undefined)
        .finally(() => {
          this.#asked.delete(ended);
        });
      this.#asked.add(ended);
      return asked;
    });
  }

  async look(_signal: AbortSignal): Promise<PortError> {
    return new PortError("unsupported", `A ${this.kind} does not tell what the supply does.`);
  }

  async execute({ command }: Execution): Promise<Outcome> {
    throw new TypeError(`a ${this.kind} cannot ${command.action}; the gate lets nothing through`);
  }

  /** Nothing is done a second time, and nothing is known of what was done. */
  async recover(
    { action, step }: CommandRecord,
    _activity: Activity,
    conclude: (outcome: Outcome) => Promise<void>,
  ): Promise<void> {
    const recovery = recover(action, step, undefined);
    if (recovery.kind !== "end") throw new TypeError(`a ${this.kind} cannot ${action}`);
    const { kind: _, ...ending } = recovery;
    await conclude({ ...ending, patch: {} });
  }
}
