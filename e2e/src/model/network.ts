import { HEALED_MS, type Side } from "./script.js";
import type { Process, Scheduler } from "./scheduler.js";

/** After a silence of this length a client, and a little later the broker, holds a connection for lost. */
const CLIENT_NOTICES_MS = 4_500;
const BROKER_NOTICES_MS = 6_000;

/** A connection of a process to the broker, from its CONNECT to its end. */
export interface Connection {
  readonly process: Process;
  readonly side: Side;
  /** Whether the client still holds it for alive. */
  alive: boolean;
  /** Whether the broker does. */
  known: boolean;
  readonly closed: () => void;
}

export interface AgentStatus {
  readonly state: "ready" | "lost";
  readonly epoch: string;
}

type StatusListener = (status: AgentStatus) => void;

/** A broker and its wires: they lose, delay, reorder and duplicate without a flag. */
export class Network {
  brokerUp = true;
  /** What the broker keeps of the agent. */
  #status: AgentStatus | undefined;
  readonly #cutUntilMs: Record<Side, number> = { agent: 0, power: 0 };
  readonly #connections = new Set<Connection>();
  readonly #listeners = new Map<Connection, StatusListener>();
  readonly #epochs = new Map<Connection, string>();
  #incarnation = 0;

  constructor(
    private readonly scheduler: Scheduler,
    private readonly badness: number,
  ) {}

  isCut(side: Side): boolean {
    return this.scheduler.nowMs < this.#cutUntilMs[side];
  }

  cut(side: Side, forMs: number): void {
    const { scheduler } = this;
    scheduler.note(`cut ${side} for ${forMs} ms`);
    this.#cutUntilMs[side] = Math.max(this.#cutUntilMs[side], scheduler.nowMs + forMs);
    for (const connection of this.#connections) {
      if (connection.side !== side) continue;
      if (forMs > CLIENT_NOTICES_MS) {
        scheduler.after(CLIENT_NOTICES_MS, () => this.#closed(connection));
      }
      if (forMs > BROKER_NOTICES_MS || forMs > CLIENT_NOTICES_MS) {
        scheduler.after(Math.min(forMs, BROKER_NOTICES_MS) + 1, () => this.#forgotten(connection));
      }
    }
  }

  crashBroker(downMs: number): void {
    if (!this.brokerUp) return;
    const { scheduler } = this;
    scheduler.note("CRASH broker");
    this.brokerUp = false;
    this.#incarnation += 1;
    this.#status = undefined;
    for (const connection of this.#connections) {
      connection.known = false;
      scheduler.after(1, () => this.#closed(connection));
    }
    this.#connections.clear();
    this.#listeners.clear();
    this.#epochs.clear();
    scheduler.after(downMs, () => {
      scheduler.note("broker is up");
      this.brokerUp = true;
    });
  }

  /** Tries to connect. @param closed told when the client has lost it */
  connect(process: Process, side: Side, closed: () => void): Connection | undefined {
    if (!this.brokerUp || this.isCut(side)) return undefined;
    const connection: Connection = { process, side, alive: true, known: true, closed };
    this.#connections.add(connection);
    return connection;
  }

  /** The process has ended: its socket is closed by the kernel, which a cut wire does not tell the broker. */
  ended(process: Process): void {
    for (const connection of this.#connections) {
      if (connection.process !== process) continue;
      connection.alive = false;
      this.scheduler.after(this.isCut(connection.side) ? BROKER_NOTICES_MS : 1, () =>
        this.#forgotten(connection),
      );
    }
  }

  /** The agent's birth; its will says the same as lost. */
  birth(connection: Connection, epoch: string): void {
    this.#inOrder(connection, () => {
      // A client of the same name takes over: what is left of the former connection ends first.
      for (const other of this.#connections) {
        if (other !== connection && other.side === "agent") this.#forgotten(other);
      }
      this.#epochs.set(connection, epoch);
      this.#publishStatus({ state: "ready", epoch });
    });
  }

  hearStatus(connection: Connection, listener: StatusListener): void {
    this.#listeners.set(connection, listener);
    const status = this.#status;
    if (status) this.#inOrder(connection, () => listener(status));
  }

  /**
   * One message from a connection over the broker to whoever is there at its arrival. Never says whether it arrived.
   * @param to undefined while nobody is there. The message is then lost, or kept for whoever comes next
   */
  transmit(
    from: Connection,
    to: () => Connection | undefined,
    deliver: (to: Connection) => void,
    { qos }: { readonly qos: 0 | 1 },
  ): void {
    const { scheduler } = this;
    if (!from.alive || !this.brokerUp) return;
    const incarnation = this.#incarnation;
    const copies = this.#happens() ? 2 : 1;
    for (let copy = 0; copy < copies; copy++) {
      if (this.#happens() && scheduler.random() < 0.5) continue;
      this.#hop(from.side, qos, () => {
        if (this.#incarnation !== incarnation) return;
        this.#toWhoeverIsThere(to, deliver, qos, incarnation);
      });
    }
  }

  /**
   * Publishes something for the ears of people.
   * @param taken told whether the broker has acknowledged it
   */
  announce(from: Connection, heard: () => void, taken: (ok: boolean) => void): void {
    const { scheduler } = this;
    if (!from.alive || !this.brokerUp) return taken(false);
    const incarnation = this.#incarnation;
    this.#hop(from.side, 1, () => {
      if (this.#incarnation !== incarnation) return taken(false);
      heard();
      if (this.#happens()) scheduler.after(1, heard);
      this.#hop(from.side, 1, () => taken(from.alive && this.#incarnation === incarnation));
    });
  }

  #toWhoeverIsThere(
    to: () => Connection | undefined,
    deliver: (to: Connection) => void,
    qos: 0 | 1,
    incarnation: number,
  ): void {
    const { scheduler } = this;
    const receiver = to();
    if (!receiver) {
      // A broker with a persistent session, or one that was slow to notice.
      if (qos === 1 && scheduler.random() < 0.5) {
        scheduler.after(700, () => {
          if (this.#incarnation === incarnation)
            this.#toWhoeverIsThere(to, deliver, qos, incarnation);
        });
      }
      return;
    }
    this.#hop(receiver.side, qos, () => {
      const present = to();
      if (present && present.alive) deliver(present);
    });
  }

  /** Whether something happens to a delivery. Nothing does once all is healed. */
  #happens(): boolean {
    return this.scheduler.nowMs < HEALED_MS && this.scheduler.random() * 100 < this.badness;
  }

  #hop(side: Side, qos: 0 | 1, arrive: () => void): void {
    const { scheduler } = this;
    const slow = this.#happens();
    const delayMs = slow
      ? scheduler.between(5, scheduler.random() < 0.3 ? 12_000 : 800)
      : scheduler.between(1, 5);
    const arrived = (): void => {
      if (!this.isCut(side)) return arrive();
      if (qos === 1) scheduler.at(this.#cutUntilMs[side] + scheduler.between(0, 20), arrived);
    };
    scheduler.after(delayMs, arrived);
  }

  /** On one connection nothing overtakes. */
  #inOrder(connection: Connection, run: () => void): void {
    const { scheduler } = this;
    const arrive = (): void => {
      if (!connection.alive || !connection.known) return;
      if (this.isCut(connection.side)) scheduler.at(this.#cutUntilMs[connection.side], arrive);
      else run();
    };
    scheduler.after(2, arrive);
  }

  #publishStatus(status: AgentStatus): void {
    this.#status = status;
    for (const [connection, listener] of this.#listeners) {
      this.#inOrder(connection, () => listener(status));
    }
  }

  #closed(connection: Connection): void {
    if (!connection.alive) return;
    connection.alive = false;
    connection.closed();
  }

  #forgotten(connection: Connection): void {
    if (!this.#connections.delete(connection)) return;
    connection.known = false;
    this.#listeners.delete(connection);
    this.#closed(connection);
    const epoch = this.#epochs.get(connection);
    if (epoch === undefined) return;
    this.#epochs.delete(connection);
    if (this.#status?.epoch === epoch) this.#publishStatus({ state: "lost", epoch });
  }
}
