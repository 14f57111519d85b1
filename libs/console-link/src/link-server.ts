import { createServer as createTcp, type AddressInfo, type Server, type Socket } from "node:net";
import { createServer as createTls } from "node:tls";
import type { Clock } from "@outrider/contracts/clock";
import type { AgentId } from "@outrider/contracts/ids";
import type { LinkedConsole } from "./linked-console.js";
import { silentLog, type Log } from "./log.js";
import type { Hello } from "./messages.js";
import { ServiceConnection } from "./service-connection.js";
import { LINK_TIMING, type LinkTiming } from "./timing.js";

/** A right that may be taken away again. */
export interface Admission {
  /** Asked some times a minute; when it says no, the connection is ended. */
  stillStands(): boolean;
}

export interface LinkServerOptions {
  /** Undefined: plain text, for this host or a network that is trusted. */
  readonly tls?: { readonly cert: string; readonly key: string } | undefined;
  /** Undefined when name or secret are wrong. May throw when it cannot be checked now: the agent comes again. */
  readonly verify: (agent: AgentId, secret: string) => Promise<Admission | undefined>;
  readonly onConsole: (console: LinkedConsole) => void;
  readonly clock: Clock;
  readonly nowMicros: () => number;
  readonly log?: Log;
  readonly timing?: LinkTiming;
}

/** Connections of whom nobody knows yet who they are; beyond that the oldest of them goes. */
const MAX_STRANGERS = 64;

/** The service's end: lets agents in, one connection each, and hands on their consoles. */
export class LinkServer {
  readonly #options: LinkServerOptions;
  readonly #log: Log;
  readonly #timing: LinkTiming;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  /** By where they come from, since a TLS socket is another object than the one it was made of. */
  readonly #strangers = new Map<string, Socket>();
  readonly #agents = new Map<AgentId, { connection: ServiceConnection; admission: Admission }>();
  readonly #closed = new AbortController();

  constructor(options: LinkServerOptions) {
    this.#options = options;
    this.#log = options.log ?? silentLog;
    this.#timing = options.timing ?? LINK_TIMING;
    const accept = (socket: Socket): void => this.#accept(socket);
    this.#server = options.tls
      ? createTls({ ...options.tls, handshakeTimeout: this.#timing.hello, noDelay: true }, accept)
      : createTcp({ noDelay: true }, accept);
    this.#server.on("connection", (socket: Socket) => this.#meet(socket));
    // A handshake that fails is the stranger's affair.
    this.#server.on("tlsClientError", () => undefined);
  }

  /** Agents that are connected now. */
  get agents(): readonly AgentId[] {
    return [...this.#agents.keys()];
  }

  /** @param port 0: a free one @returns the port @throws the system's error when it cannot listen */
  async listen(host: string, port: number): Promise<number> {
    await new Promise<void>((resolve, reject) => {
      this.#server.once("error", reject);
      this.#server.listen({ host, port }, () => {
        this.#server.off("error", reject);
        resolve();
      });
    });
    const stop = this.#options.clock.every(this.#timing.ping, () => this.#check());
    this.#closed.signal.addEventListener("abort", stop);
    return (this.#server.address() as AddressInfo).port;
  }

  /** Says goodbye to all agents and listens no more. */
  async close(): Promise<void> {
    if (this.#closed.signal.aborted) return;
    this.#closed.abort(new Error("the console link is closed"));
    for (const { connection } of this.#agents.values()) connection.bye("the service stops");
    const strangers = [...this.#strangers.values()];
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    for (const socket of strangers) socket.destroy();
    const flushed = new AbortController();
    const { clock } = this.#options;
    const late = clock.sleep(this.#timing.refusal, flushed.signal).then(
      () => {
        for (const socket of this.#sockets) socket.destroy();
      },
      () => undefined,
    );
    await closed;
    flushed.abort();
    await late;
  }

  #meet(socket: Socket): void {
    const from = nameOf(socket);
    this.#sockets.add(socket);
    this.#strangers.set(from, socket);
    socket.on("error", () => undefined);
    socket.once("close", () => {
      this.#sockets.delete(socket);
      this.#strangers.delete(from);
    });
    if (this.#strangers.size <= MAX_STRANGERS) return;
    const [oldest] = this.#strangers.values();
    oldest?.destroy();
  }

  #accept(socket: Socket): void {
    const from = nameOf(socket);
    const { clock, nowMicros } = this.#options;
    let known = "";
    const connection = new ServiceConnection(socket, {
      clock,
      nowMicros,
      timing: this.#timing,
      log: this.#log,
      onHello: (hello) => {
        known = hello.agent;
        // Said by code, so that a rejection is a defect.
        this.#introduce(connection, hello, from).catch((error: unknown) =>
          queueMicrotask(() => {
            throw error;
          }),
        );
      },
      onConsole: this.#options.onConsole,
      onEnd: (reason) => this.#ended(connection, known, from, reason),
    });
  }

  async #introduce(connection: ServiceConnection, hello: Hello, from: string): Promise<void> {
    const { agent, secret, version } = hello;
    if (version < 1)
      return connection.refuse("version", "this agent is too old; bring it up to date");
    let admission: Admission | undefined;
    try {
      admission = await this.#options.verify(agent, secret);
    } catch (error) {
      this.#log.warn(
        { agent, from, err: error },
        "an agent could not be checked; it will come again",
      );
      return connection.refuse("busy", "the console service cannot check credentials now");
    }
    if (connection.ended || this.#closed.signal.aborted) return connection.end("closed");
    if (!admission) {
      this.#log.warn({ agent, from }, "an agent with wrong credentials was refused");
      await this.#wait();
      return connection.refuse(
        "credentials",
        "the console service does not know this agent and secret; see OUTRIDER_AGENT_SECRET_FILE",
      );
    }
    this.#strangers.delete(from);
    const before = this.#agents.get(agent);
    this.#agents.set(agent, { connection, admission });
    before?.connection.bye("a newer connection of the same agent took its place", true);
    this.#log.info({ agent, from }, "an agent linked its consoles");
    connection.welcome(agent);
  }

  /** Guessing costs time; closing does not wait for it. */
  #wait(): Promise<void> {
    return this.#options.clock
      .sleep(this.#timing.refusal, this.#closed.signal)
      .catch(() => undefined);
  }

  #ended(connection: ServiceConnection, agent: string, from: string, reason: string): void {
    if (this.#agents.get(agent as AgentId)?.connection === connection) {
      this.#agents.delete(agent as AgentId);
    }
    if (connection.agent) this.#log.info({ agent, from, reason }, "an agent's console link ended");
    else this.#log.debug({ from, reason }, "somebody left who was not let in");
  }

  #check(): void {
    for (const { connection, admission } of this.#agents.values()) {
      if (!admission.stillStands()) connection.bye("the agent's credentials count no more");
    }
  }
}

function nameOf(socket: Socket): string {
  return `${socket.remoteAddress ?? "?"} ${socket.remotePort ?? 0}`;
}
