import { withDeadline } from "@outrider/ports/deadline";
import { PortError } from "@outrider/ports/port-error";
import { seconds, type Clock, type Duration } from "@outrider/ports/time";
import { QmpConnection } from "./qmp-connection.js";
import { retrying } from "./retrying.js";

export interface QmpOptions {
  /** Absolute path of the unix socket. */
  readonly path: string;
  /** What is behind it, for messages: "The virtual machine of slot 1". */
  readonly name: string;
  readonly clock: Clock;
}

const OPEN_DEADLINE = seconds(5);

/**
 * A QMP socket, connected to when it is needed. Commands and watches share one connection at a time,
 * since QEMU's own monitor takes no second one.
 */
export class QmpLink implements Disposable {
  /** The device with its address, as messages name it. */
  readonly what: string;
  readonly #disposed = new AbortController();
  readonly #watches = new DisposableStack();
  readonly #listeners = new Set<(event: string) => void>();
  #connection: Promise<QmpConnection> | undefined;

  constructor(private readonly options: QmpOptions) {
    this.what = `${options.name} at ${options.path}`;
  }

  /**
   * Sends one command, once.
   * @throws PortError `refused`, `unsupported`, `unreachable`, `timed-out` or `protocol`
   * @throws the signal's reason when it was aborted
   */
  async execute(
    command: string,
    args: object | undefined,
    deadline: Duration,
    signal: AbortSignal,
  ): Promise<unknown> {
    const what = `${this.what} (${command})`;
    try {
      return await withDeadline(this.options.clock, deadline, signal, what, async (within) => {
        const connection = await this.#connect();
        // Whoever has given up while it connected does not want the command any more.
        within.throwIfAborted();
        return connection.execute(command, args);
      });
    } catch (error) {
      // A connection that keeps an answer back is not trusted with the next question.
      if (error instanceof PortError && error.code === "timed-out") this.#drop();
      throw error;
    }
  }

  /** As `PowerPort.watch`, for the events that are named. Ends with the link, too. */
  watch(events: ReadonlySet<string>, changed: () => void): Disposable {
    const watch = retrying(this.options.clock, changed, async (heard, signal) => {
      const connection = await this.#connect();
      const listen = (event: string): void => {
        if (events.has(event) && !signal.aborted) changed();
      };
      this.#listeners.add(listen);
      signal.addEventListener("abort", () => this.#listeners.delete(listen), { once: true });
      heard();
      await connection.closed;
      this.#listeners.delete(listen);
    });
    return this.#watches.use(watch);
  }

  [Symbol.dispose](): void {
    this.#watches.dispose();
    this.#disposed.abort(new PortError("unreachable", `${this.what}: the endpoint was closed.`));
    this.#drop();
  }

  #connect(): Promise<QmpConnection> {
    this.#connection ??= this.#open();
    return this.#connection;
  }

  #open(): Promise<QmpConnection> {
    const { clock, path } = this.options;
    const forget = (): void => {
      if (this.#connection === opening) this.#connection = undefined;
    };
    const opening = withDeadline(
      clock,
      OPEN_DEADLINE,
      this.#disposed.signal,
      `${this.what} (greeting)`,
      (signal) =>
        QmpConnection.open(
          path,
          this.what,
          (event) => this.#listeners.forEach((it) => it(event)),
          signal,
        ),
    );
    opening.then((connection) => void connection.closed.then(forget), forget);
    return opening;
  }

  #drop(): void {
    const dropped = this.#connection;
    this.#connection = undefined;
    dropped?.then(
      (connection) => connection[Symbol.dispose](),
      () => {},
    );
  }
}
