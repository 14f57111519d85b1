import { connect as connectTcp, isIP, type Socket } from "node:net";
import { connect as connectTls } from "node:tls";
import { milliseconds, type Clock } from "@outrider/contracts/clock";
import type { AgentId } from "@outrider/contracts/ids";
import { AgentConnection } from "./agent-connection.js";
import type { ConsoleLine } from "./console-line.js";
import { dialDelay } from "./dial-delay.js";
import { silentLog, type Log } from "./log.js";
import { LINK_TIMING, type LinkTiming } from "./timing.js";

export interface LinkClientOptions {
  readonly host: string;
  readonly port: number;
  /** Undefined: plain text, for this host or a network that is trusted. */
  readonly tls?: { readonly ca: string | undefined } | undefined;
  readonly agent: AgentId;
  readonly secret: string;
  readonly clock: Clock;
  /** The clock of the items. */
  readonly nowMicros: () => number;
  readonly log?: Log;
  readonly timing?: LinkTiming;
}

export interface LinkState {
  readonly up: boolean;
  /** For a person, when it is down: why, and what to do. */
  readonly detail?: string;
}

/** A connection that stood for so long was a good one: the next attempt comes soon. */
const STEADY_MS = 5000;

/** The agent's end: dials the service until it is stopped, and offers it the consoles that there are. */
export class LinkClient {
  readonly #options: LinkClientOptions;
  readonly #log: Log;
  readonly #lines = new Set<ConsoleLine>();
  readonly #stopped = new AbortController();
  #connection: AgentConnection | undefined;
  #running: Promise<void> | undefined;
  #state: LinkState = { up: false, detail: "not dialled yet" };

  constructor(options: LinkClientOptions) {
    this.#options = options;
    this.#log = options.log ?? silentLog;
  }

  get state(): LinkState {
    return this.#state;
  }

  /** Offers a console; disposing takes it away. */
  add(line: ConsoleLine): Disposable {
    this.#lines.add(line);
    this.#connection?.add(line);
    return {
      [Symbol.dispose]: () => {
        if (this.#lines.delete(line)) this.#connection?.remove(line);
      },
    };
  }

  start(): void {
    if (this.#running) throw new Error("the link was started before");
    const { signal } = this.#stopped;
    this.#running = this.#run(signal).catch((error: unknown) => {
      // A defect must not look like a service that is away.
      if (!signal.aborted)
        queueMicrotask(() => {
          throw error;
        });
    });
  }

  async stop(): Promise<void> {
    this.#stopped.abort(new Error("the link is stopped"));
    this.#connection?.stop();
    await this.#running;
    this.#state = { up: false, detail: "stopped" };
  }

  async #run(signal: AbortSignal): Promise<void> {
    const { clock } = this.#options;
    let failures = 0;
    while (!signal.aborted) {
      const began = clock.monotonicMs();
      const { reason, welcomed, patience } = await this.#connectOnce();
      if (signal.aborted) return;
      failures = welcomed && clock.monotonicMs() - began > STEADY_MS ? 0 : failures + 1;
      this.#say(reason, welcomed);
      const delay = patience ? dialDelay(16, Math.random()) : dialDelay(failures, Math.random());
      await clock.sleep(milliseconds(delay), signal);
    }
  }

  /** Resolves when the connection has ended. */
  async #connectOnce(): Promise<{ reason: string; welcomed: boolean; patience: boolean }> {
    const ended = Promise.withResolvers<{ reason: string; patience: boolean }>();
    const { agent, secret, clock, nowMicros, timing = LINK_TIMING } = this.#options;
    let welcomed = false;
    const connection = new AgentConnection(this.#dial(), {
      agent,
      secret,
      clock,
      nowMicros,
      timing,
      lines: this.#lines,
      onWelcome: () => {
        welcomed = true;
        this.#state = { up: true };
        const { host, port } = this.#options;
        this.#log.info({ host, port, consoles: this.#lines.size }, "the console link stands");
      },
      onEnd: (reason, patience) => ended.resolve({ reason, patience }),
      onSourceFailure: (error) => ended.reject(error),
      onSkipped: (type) =>
        this.#log.warn(
          { type },
          "the console service is of a later version and sends what this agent does not know; it is skipped: bring the agent up to date",
        ),
    });
    this.#connection = connection;
    try {
      return { ...(await ended.promise), welcomed };
    } finally {
      this.#connection = undefined;
    }
  }

  #dial(): Socket {
    const { host, port, tls } = this.#options;
    if (!tls) return connectTcp({ host, port, noDelay: true });
    // An address is no server name (RFC 6066); the certificate is checked against it all the same.
    const name = isIP(host) === 0 ? { servername: host } : {};
    return connectTls({ host, port, ...name, ...(tls.ca === undefined ? {} : tls) });
  }

  /** Once per change: a service that is away for a day is one line. */
  #say(reason: string, welcomed: boolean): void {
    const { host, port } = this.#options;
    if (this.#state.detail !== reason || welcomed) {
      this.#log.warn({ host, port, reason }, "no console link; what consoles say is spooled");
    }
    this.#state = { up: false, detail: reason };
  }
}
