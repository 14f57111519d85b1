import { milliseconds, type Clock } from "@outrider/contracts/clock";
import { topicOf } from "@outrider/contracts/contract";
import { Connection, type ConnectionOptions } from "./connection.js";
import type { Counters } from "./counters.js";
import { crash } from "./crash.js";
import { MessagingError } from "./errors.js";
import type { Log } from "./log.js";
import { mintEpoch } from "./mint-id.js";
import { Notifier } from "./notifier.js";
import {
  presenceDocuments,
  PresenceGuard,
  type Presence,
  type PresenceDocuments,
} from "./presence.js";
import { reconnectDelay } from "./reconnect-delay.js";
import type { RetainedDocuments } from "./retained-documents.js";
import type { Subscriptions } from "./subscriptions.js";

/** A connection as hooks see it. */
export interface Live {
  readonly epoch: string;
}

export type Hook = (connection: Live) => Promise<void> | void;

export interface ConnectionLoopOptions {
  readonly client: Omit<ConnectionOptions, "clock" | "counters" | "connectTimeoutMs" | "will">;
  readonly clock: Clock;
  readonly log: Log;
  readonly counters: Counters;
  readonly presence: Presence | undefined;
  readonly subscriptions: Subscriptions;
  readonly documents: RetainedDocuments;
}

const CONNECT_WITHIN_MS = 5000;
const LEAVE_WITHIN_MS = 2000;
/** A connection that stood for this long was a good one: the next attempt comes soon. */
const STEADY_MS = 5000;

/** One connection after another until it is stopped, each taken through the same steps. */
export class ConnectionLoop {
  readonly hooks = { connect: [] as Hook[], born: [] as Hook[], disconnect: [] as (() => void)[] };
  readonly #options: ConnectionLoopOptions;
  readonly #stopped = new AbortController();
  readonly #changes = new Notifier();
  #running: Promise<void> | undefined;
  #live: { readonly connection: Connection; readonly epoch: string } | undefined;
  #documents: PresenceDocuments | undefined;
  #guard: PresenceGuard | undefined;
  #born = false;
  #stopping: Promise<void> | undefined;
  #failure: MessagingError | undefined;

  constructor(options: ConnectionLoopOptions) {
    this.#options = options;
    const { presence, subscriptions, documents } = options;
    if (!presence) return;
    documents.exempt(topicOf<string>(presence.contract, presence.parameters));
    subscriptions.addRaw(presence.contract, presence.parameters, ({ bytes }) => {
      this.#guard?.seen(bytes.toString());
    });
  }

  get live(): { readonly connection: Connection; readonly epoch: string } | undefined {
    return this.#live?.connection.over ? undefined : this.#live;
  }

  get failure(): MessagingError | undefined {
    return this.live ? undefined : this.#failure;
  }

  start(): void {
    if (this.#running) throw new Error("the session was started before");
    const { signal } = this.#stopped;
    this.#running = this.#run(signal).catch((error: unknown) => {
      if (error !== signal.reason) crash(error);
    });
  }

  stop(): Promise<void> {
    return (this.#stopping ??= this.#stop());
  }

  async ready(signal: AbortSignal, refusalsAreFinal: boolean): Promise<void> {
    while (!(this.#born && this.live)) {
      const { failure } = this;
      if (refusalsAreFinal && failure?.code === "not-authorized") throw failure;
      try {
        await this.#changes.next(signal);
      } catch (reason) {
        throw this.failure ?? reason;
      }
    }
  }

  async #stop(): Promise<void> {
    const { live } = this;
    if (live) {
      this.#guard?.end();
      await this.#leave(live.connection);
      await live.connection.end();
    }
    this.#stopped.abort();
    await this.#running;
  }

  async #run(signal: AbortSignal): Promise<void> {
    const { clock, log, counters, client } = this.#options;
    let failures = 0;
    let connections = 0;
    while (!signal.aborted) {
      const startedMs = clock.monotonicMs();
      try {
        const epoch = mintEpoch();
        const connection = await this.#open(epoch, signal);
        if (connections++ > 0) counters.reconnects++;
        await this.#serve(connection, epoch, signal);
      } catch (error) {
        if (!(error instanceof MessagingError)) throw error;
        if (signal.aborted || this.#stopping) return;
        this.#failure = error;
        this.#changes.tell();
        log.warn(
          { clientId: client.clientId, code: error.code, problem: error.message },
          "no connection to the broker",
        );
      }
      if (signal.aborted) return;
      if (clock.monotonicMs() - startedMs > STEADY_MS + CONNECT_WITHIN_MS) failures = 0;
      await clock.sleep(reconnectDelay(failures++, Math.random()), signal);
    }
  }

  #open(epoch: string, signal: AbortSignal): Promise<Connection> {
    const { client, clock, counters, presence, subscriptions } = this.#options;
    this.#documents = presence && presenceDocuments(presence, epoch);
    const will = this.#documents && {
      topic: this.#documents.topic,
      payload: this.#documents.will,
      retain: presence?.contract.retain === true,
    };
    return Connection.open(
      {
        ...client,
        clock,
        counters,
        connectTimeoutMs: CONNECT_WITHIN_MS,
        ...(will ? { will } : {}),
      },
      (topic, payload, packet) => subscriptions.dispatch(topic, payload, packet),
      signal,
    );
  }

  /** Takes a connection through its steps and stays until it is over, which it throws. */
  async #serve(connection: Connection, epoch: string, signal: AbortSignal): Promise<never> {
    const { subscriptions, documents, log, client } = this.#options;
    const abort = (): void => connection.destroy();
    signal.addEventListener("abort", abort, { once: true });
    const { closed } = connection;
    const orLost = async (step: Promise<void>): Promise<void> => {
      const lost = await Promise.race([step, closed]);
      if (lost) throw lost;
    };
    try {
      await subscriptions.attach(connection);
      this.#live = { connection, epoch };
      for (const hook of this.hooks.connect) await orLost(run(hook, { epoch }));
      await documents.attach(connection);
      await this.#beBorn(connection);
      log.info({ clientId: client.clientId, epoch }, "connected to the broker");
      this.#born = true;
      this.#failure = undefined;
      this.#changes.tell();
      for (const hook of this.hooks.born) await orLost(run(hook, { epoch }));
      throw await closed;
    } finally {
      signal.removeEventListener("abort", abort);
      this.#guard?.end();
      this.#guard = undefined;
      this.#born = false;
      subscriptions.detach();
      documents.detach();
      connection.destroy();
      if (this.#live) {
        this.#live = undefined;
        for (const hook of this.hooks.disconnect) hook();
      }
    }
  }

  async #beBorn(connection: Connection): Promise<void> {
    const { presence, clock, log } = this.#options;
    const documents = this.#documents;
    if (!presence || !documents) return;
    const { topic, birth } = documents;
    const { qos, retain } = presence.contract;
    const say = (): Promise<void> => connection.publish({ topic, payload: birth, qos, retain });
    const said = say();
    this.#guard = new PresenceGuard(clock, birth, () => {
      log.warn({ topic }, "somebody else’s words stood on our presence; the birth is said again");
      say().catch((error: unknown) => {
        if (!(error instanceof MessagingError)) crash(error);
      });
    });
    await said;
  }

  /** Says the birth anew, after what it says has changed. Without a connection the next one says it. */
  restatePresence(): void {
    const live = this.live;
    const { presence } = this.#options;
    if (!live || !presence) return;
    this.#documents = presenceDocuments(presence, live.epoch);
    // Before the first birth of this connection there is nothing to take back.
    if (!this.#guard) return;
    this.#guard.end();
    this.#beBorn(live.connection).catch((error: unknown) => {
      if (!(error instanceof MessagingError)) crash(error);
    });
  }

  async #leave(connection: Connection): Promise<void> {
    const { presence, clock } = this.#options;
    if (!presence || !this.#documents) return;
    const { topic, leaving } = this.#documents;
    const { qos, retain } = presence.contract;
    const bound = new AbortController();
    const said = connection.publish({ topic, payload: leaving, qos, retain });
    const late = clock.sleep(milliseconds(LEAVE_WITHIN_MS), bound.signal);
    // Whoever cannot say good-bye is spoken for by the will.
    await Promise.race([said, late]).catch(() => undefined);
    bound.abort();
    await late.catch(() => undefined);
  }
}

/** Runs a hook to its end. What goes wrong with the connection is told by the connection; all else is a defect. */
async function run(hook: Hook, live: Live): Promise<void> {
  try {
    await hook(live);
  } catch (error) {
    if (!(error instanceof MessagingError)) crash(error);
    else throw error;
  }
}
